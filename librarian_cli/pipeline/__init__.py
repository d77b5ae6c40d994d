"""Running stages: worker processes and the slots that supervise them, and the coordinator above."""
