"""py-clob-client-v2: orders from their values to the arguments of its POST, frames by json.loads: measure.py WORK.

Speaks as ../measure.rs does: a line in (CASE MILLISECONDS), a line of JSON out.
"""

import importlib.metadata
import json
import sys
import time

from py_clob_client_v2 import ApiCreds, ClobClient, OrderArgs, OrderType, PartialCreateOrderOptions

SAMPLES = (5, 201)
ORDER = "price and size -> create_order + post_order, up to the call that sends; keys in pure Python, as installed"


def account(work: dict, signature_type: int) -> tuple:
    """Returns a client that sends nothing, and what its last request would have been."""
    creds = ApiCreds(api_key=work["api_key"], api_secret=work["secret"], api_passphrase=work["passphrase"])
    client = ClobClient(
        "http://127.0.0.1:9", 137, key=work["key"], creds=creds, signature_type=signature_type, funder=work["funder"]
    )
    sent = []

    def post(url, headers=None, data=None, params=None):
        sent[:] = [url, headers, data]
        return {"success": True, "transactionsHashes": ["0x"]}

    client._post = post
    client.get_tick_size = lambda token: "0.01"
    client._resolve_transactions_hashes = lambda answer: answer
    return client, sent


def order(work: dict, signature_type: int) -> tuple:
    """Returns what makes the n-th order's request, and the amounts that it signs for each."""
    client, sent = account(work, signature_type)
    options = PartialCreateOrderOptions(tick_size="0.01", neg_risk=False, version=2)
    orders = [(float(order["price"]), float(order["shares"])) for order in work["orders"]]

    def each(nth: int) -> None:
        price, shares = orders[nth % len(orders)]
        args = OrderArgs(token_id=work["token"], price=price, size=shares, side="BUY")
        client.post_order(client.create_order(args, options), OrderType.FAK)

    amounts = []
    for nth in range(len(orders)):
        each(nth)
        body = json.loads(sent[2])["order"]
        amounts.append([body["makerAmount"], body["takerAmount"]])
    return each, amounts


def decode(frames: list):
    return lambda nth: json.loads(frames[nth % len(frames)])


def spent(each, first: int, count: int) -> int:
    begun = time.perf_counter_ns()
    for nth in range(first, first + count):
        each(nth)
    return time.perf_counter_ns() - begun


def calibrated(each) -> int:
    """Returns how often it is to be done for a sample of half a millisecond. Also warms it up."""
    count = 1
    while spent(each, 0, count) < 500_000 or count == 1:
        count *= 2
    return count


def measured(each, count: int, budget: int) -> dict:
    samples, ends, done = [], time.perf_counter_ns() + budget, 0
    while len(samples) < SAMPLES[0] or (time.perf_counter_ns() < ends and len(samples) < SAMPLES[1]):
        samples.append(spent(each, done, count) / count)
        done += count
    samples.sort()
    return {"ns": samples[len(samples) // 2], "least": samples[0], "allocations": None}


def main() -> None:
    with open(sys.argv[1], encoding="utf-8") as file:
        work = json.load(file)
    cases, works, orders = {}, {}, {}
    for name, signature_type in (("order_safe", 2), ("order_deposit", 3)):
        cases[name], orders[name] = order(work, signature_type)
        works[name] = ORDER
    for name, frames in work["frames"].items():
        cases[name] = decode(frames)
        works[name] = "frame -> json.loads, a dict (it has no socket of its own)"
    version = importlib.metadata.version("py-clob-client-v2")
    print(json.dumps({"version": version, "cases": works, "orders": orders}), flush=True)
    counts = {}
    for line in sys.stdin:
        name, millis = line.split()
        if name not in counts:
            counts[name] = calibrated(cases[name])
        print(json.dumps(measured(cases[name], counts[name], int(millis) * 1_000_000)), flush=True)


main()
