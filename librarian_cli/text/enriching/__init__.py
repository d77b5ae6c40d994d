"""What a text is about: keyphrases, summaries, names and what they occur with."""
