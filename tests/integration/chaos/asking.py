"""A client of one stream that says when its first part has come, reads on, and is there to be
killed: asking.py FRONTEND MODEL NONCE."""

import sys

from stage import peers, plan

frontend, model, nonce = sys.argv[1:]
client = peers.Client(frontend).connected()
client.request(model, plan(nonce, parts=100_000), stream=True)
client.receive_a(peers.CHUNK)
print("begun", flush=True)
while True:
    client.receive_a(peers.CHUNK)
