"""Talking to the server of a model: one POST of JSON at a time, within limits.

client   the request with its tries, its bounds and its count
address  which servers may be asked, and with which key
answers  what a refusal says
pace     rates that are kept, and rest for a server that fails

Nothing here knows what is asked for: embeddings are the matter of embedders/openai.py.
"""
