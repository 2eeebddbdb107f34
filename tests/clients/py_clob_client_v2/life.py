"""An ordinary day with py-clob-client-v2: life.py READY, where READY is the file that `remora venue --ready-file` wrote.

POLYMARKET_PRIVATE_KEY in the environment is the secret key of its first account.

Prints a line for each thing done; ends with 1 at the first that came out otherwise than expected.
"""

import json
import os
import sys
import time

from py_clob_client_v2 import (
    AssetType,
    BalanceAllowanceParams,
    BookParams,
    ClobClient,
    CreateOrderOptions,
    MarketOrderArgs,
    OpenOrderParams,
    OrderArgs,
    OrderMarketCancelParams,
    OrderPayload,
    OrderType,
    PostOrdersV2Args,
    PricesHistoryParams,
    TradeParams,
)
from py_clob_client_v2.exceptions import PolyApiException

POLYGON = 137
NAMES = {0: "EOA", 1: "proxy", 2: "Safe", 3: "deposit wallet"}


def expect(what: str, holds: bool, got: object) -> None:
    """Prints that `what` came out as expected, or ends the day."""
    if not holds:
        sys.exit(f"FAILED {what}; got {got}")
    print(f"ok {what}", flush=True)


def expect_refusal(what: str, words: str, call) -> None:
    """Expects the venue to refuse `call` with `words` in its answer."""
    try:
        answer = call()
    except PolyApiException as refusal:
        expect(f"{what} is refused: {words!r}", words in str(refusal), refusal)
    else:
        sys.exit(f"FAILED {what} is refused: {words!r}; got {answer}")


def eventually(what: str, ask, holds) -> object:
    """Asks until the answer is as expected, for ten seconds at most, and returns it."""
    ends = time.monotonic() + 10
    while not holds(got := ask()) and time.monotonic() < ends:
        time.sleep(0.2)
    expect(what, holds(got), got)
    return got


def keys(host: str, secret: str) -> ClobClient:
    """Makes API keys for an account, and returns a client that uses them."""
    client = ClobClient(host, POLYGON, key=secret)
    created = client.create_api_key()
    expect("create an API key", bool(created.api_key and created.api_secret and created.api_passphrase), created)
    expect("derive the same key", client.derive_api_key() == created, created)
    expect("create or derive gives it again", client.create_or_derive_api_key() == created, created)
    client.set_api_creds(created)
    listed = client.get_api_keys()
    expect("the key is listed", created.api_key in listed["apiKeys"], listed)
    closed = client.get_closed_only_mode()
    expect("the account may open orders", closed == {"closed_only": False}, closed)
    return client


def read_public(client: ClobClient, market: dict) -> None:
    """Reads what anybody may about a market."""
    condition, (token, other) = market["condition"], market["tokens"]
    expect("the venue is up", client.get_ok() == "OK", client.get_ok())
    expect("its version is 2", client.get_version() == 2, client.get_version())
    skew = client.get_server_time() - time.time()
    expect("its clock is right", abs(skew) < 5, skew)
    page = client.get_markets()
    listed = [row["condition_id"] for row in page["data"]]
    expect("the market is listed", condition in listed, listed)
    row = client.get_market(condition)
    expect("the market has its tokens", [side["token_id"] for side in row["tokens"]] == [token, other], row)
    compact = client.get_clob_market_info(condition)
    expect("the market in short has them, too", [side["t"] for side in compact["t"]] == [token, other], compact)
    book = client.get_order_book(token)
    expect("the book is of the token", book["asset_id"] == token and book["market"] == condition, book)
    stated = book["hash"]
    expect("the book's hash verifies", client.get_order_book_hash(book) == stated, book)
    best_bid, best_ask = float(book["bids"][-1]["price"]), float(book["asks"][-1]["price"])
    expect("the book is not crossed", best_bid < best_ask, (best_bid, best_ask))
    books = client.get_order_books([BookParams(token), BookParams(other)])
    expect("both books at once", {one["asset_id"] for one in books} == {token, other}, books)
    middle = client.get_midpoint(token)
    expect("a midpoint", 0 < float(middle["mid"]) < 1, middle)
    middles = client.get_midpoints([BookParams(token), BookParams(other)])
    expect("midpoints of both", set(middles) == {token, other}, middles)
    price = client.get_price(token, "BUY")
    expect("a price", 0 < float(price["price"]) < 1, price)
    prices = client.get_prices([BookParams(token, "BUY"), BookParams(token, "SELL")])
    expect("prices of both sides", set(prices[token]) == {"BUY", "SELL"}, prices)
    spread = client.get_spread(token)
    expect("a spread", 0 < float(spread["spread"]) < 1, spread)
    last = client.get_last_trade_price(token)
    expect("a last trade price", 0 < float(last["price"]) < 1, last)
    expect("the tick size", client.get_tick_size(token) == book["tick_size"], client.get_tick_size(token))
    expect("negative risk or not", client.get_neg_risk(token) == market["neg_risk"], client.get_neg_risk(token))
    fee = client.get_fee_rate_bps(token)
    expect("the fee cap", isinstance(fee, int), fee)
    history = client.get_prices_history(PricesHistoryParams(market=token, interval="1h"))
    expect("a history of prices", isinstance(history["history"], list), history)


def asset(market: dict, token: str) -> dict:
    """Says a token in the words of its generation: position ids are traded on Exchange V3."""
    return {"position_id" if market["generation"] == "v3" else "token_id": token}


class Trader:
    """One client in one market, with the prices at which an order surely rests, and surely matches."""

    def __init__(self, client: ClobClient, market: dict):
        self.client, self.market, self.token = client, market, market["tokens"][0]
        book = client.get_order_book(self.token)
        self.tick, self.least = float(book["tick_size"]), float(book["min_order_size"])
        self.rests, self.matches = self.tick, 1 - self.tick

    def args(self, price: float, size: float, **more) -> OrderArgs:
        return OrderArgs(price=price, size=size, side="BUY", **asset(self.market, self.token), **more)

    def place(self, price: float, size: float, order_type=OrderType.GTC, post_only=False, **more) -> dict:
        return self.client.create_and_post_order(self.args(price, size, **more), None, order_type, post_only)

    def cancel(self, order: str) -> dict:
        return self.client.cancel_order(OrderPayload(orderID=order))

    def rest_and_cancel(self, who: str) -> None:
        placed = self.place(self.rests, self.least)
        expect(f"{who}: place GTC", placed["success"] and placed["status"] == "live", placed)
        gone = self.cancel(placed["orderID"])
        expect(f"{who}: cancel it", gone["canceled"] == [placed["orderID"]] and not gone["not_canceled"], gone)

    def own_orders(self) -> None:
        placed = self.place(self.rests, self.least)
        order = self.client.get_order(placed["orderID"])
        expect("read one order", (order["status"], order["original_size"]) == ("LIVE", f"{self.least:g}"), order)
        listed = self.client.get_open_orders(OpenOrderParams(market=self.market["condition"]))
        expect("read open orders", [row["id"] for row in listed] == [placed["orderID"]], listed)
        twice = self.cancel(placed["orderID"]), self.cancel(placed["orderID"])
        expect("a second cancel says why not", placed["orderID"] in twice[1]["not_canceled"], twice)

        until = int(time.time()) + 300
        timed = self.place(self.rests, self.least, OrderType.GTD, expiration=until)
        order = self.client.get_order(timed["orderID"])
        expect("place GTD", (order["order_type"], order["expiration"]) == ("GTD", str(until)), order)
        posted = self.place(self.rests, self.least, post_only=True)
        expect("place post-only", posted["status"] == "live", posted)
        gone = self.client.cancel_orders([timed["orderID"], posted["orderID"]])
        expect("cancel several", sorted(gone["canceled"]) == sorted([timed["orderID"], posted["orderID"]]), gone)

    def batch(self) -> None:
        sizes = [self.least, self.least + 1, self.least / 5]
        orders = [self.client.create_order(self.args(self.rests, size)) for size in sizes]
        answers = self.client.post_orders([PostOrdersV2Args(order, OrderType.GTC) for order in orders])
        expect("a batch takes the good ones", [bool(one["orderID"]) for one in answers] == [True, True, False], answers)
        expect("and says what is wrong with the bad one", "lower than the minimum" in answers[2]["errorMsg"], answers)
        in_market = OrderMarketCancelParams(market=self.market["condition"])
        gone = self.client.cancel_market_orders(in_market)
        expect("cancel a market's orders", len(gone["canceled"]) == 2, gone)

    def buy(self, who: str) -> dict:
        bought = self.client.create_and_post_market_order(
            MarketOrderArgs(amount=5, side="BUY", price=self.matches, **asset(self.market, self.token)),
            None,
            OrderType.FAK,
        )
        expect(f"{who}: buy 5 dollars' worth, FAK", bought["status"] == "matched" and bought["tradeIDs"], bought)
        expect(f"{who}: learn its transaction", bool(bought["transactionsHashes"]), bought)
        paid, shares = float(bought["makingAmount"]), float(bought["takingAmount"])
        expect(f"{who}: at a price below the bound", 0 < paid <= 5 and shares > paid, bought)
        return bought

    def buy_and_sell(self, who: str) -> None:
        bought = self.buy(who)
        shares = float(bought["takingAmount"])
        held = BalanceAllowanceParams(AssetType.CONDITIONAL, self.token)
        eventually(
            f"{who}: the shares arrive",
            lambda: int(self.client.get_balance_allowance(held)["balance"]),
            lambda balance: balance >= shares * 1e6,
        )
        self.client.update_balance_allowance(held)
        sold = self.client.create_and_post_market_order(
            MarketOrderArgs(amount=self.least, side="SELL", price=self.rests, **asset(self.market, self.token)),
            None,
            OrderType.FOK,
        )
        whole = sold["status"] == "matched" and float(sold["makingAmount"]) == self.least
        expect(f"{who}: sell the least number of shares, FOK", whole, sold)

        trade = bought["tradeIDs"][0]
        rows = self.client.get_trades(TradeParams(id=trade))
        expect(f"{who}: read the trade", [row["id"] for row in rows] == [trade], rows)
        row = rows[0]
        expect(
            f"{who}: as its taker",
            (row["trader_side"], row["side"], row["taker_order_id"]) == ("TAKER", "BUY", bought["orderID"]),
            row,
        )

    def follow_trade(self) -> None:
        trade = self.buy("EOA, V2")["tradeIDs"][0]
        eventually(
            "the trade is confirmed",
            lambda: self.client.get_trades(TradeParams(id=trade))[0]["status"],
            lambda status: status == "CONFIRMED",
        )

    def mistakes(self) -> None:
        # The client rounds to the tick by itself, so its builder is told of a finer one.
        finer = CreateOrderOptions(tick_size="0.0001", neg_risk=self.market["neg_risk"])
        crooked = self.client.builder.build_order(self.args(0.5 + self.tick / 10, self.least), finer)
        expect_refusal("an off-tick price", "breaks minimum tick size rule", lambda: self.client.post_order(crooked))
        expect_refusal("too small a size", "lower than the minimum", lambda: self.place(self.rests, self.least / 5))
        expect_refusal("too large an order", "not enough balance / allowance", lambda: self.place(0.5, 10_000_000))
        expect_refusal(
            "a post-only order that crosses",
            "invalid post-only order: order crosses book",
            lambda: self.place(self.matches, self.least, post_only=True),
        )
        expect_refusal("a book of no token", "No orderbook exists", lambda: self.client.get_order_book("1"))

    def heartbeats(self) -> None:
        placed = self.place(self.rests, self.least)
        first = self.client.post_heartbeat("")
        second = self.client.post_heartbeat(first["heartbeat_id"])
        expect("two heartbeats", first["heartbeat_id"] != second["heartbeat_id"], (first, second))
        wrong = "00000000-0000-0000-0000-000000000000"
        expect_refusal("a wrong heartbeat", second["heartbeat_id"], lambda: self.client.post_heartbeat(wrong))
        order = self.client.get_order(placed["orderID"])
        expect("the order lives while the heart beats", order["status"] == "LIVE", order)


def main(ready_file: str) -> None:
    with open(ready_file) as file:
        ready = json.load(file)
    account, secret = ready["accounts"][0], os.environ["POLYMARKET_PRIVATE_KEY"]
    wallets = {1: account["proxy"], 2: account["safe"], 3: account["deposit_wallet"]}
    older = [one for one in ready["markets"] if one["generation"] == "v2"]
    plain = next(one for one in older if not one["neg_risk"])
    grouped = next(one for one in older if one["neg_risk"])
    newer = next(one for one in ready["markets"] if one["generation"] == "v3")

    client = keys(ready["clob"], secret)
    read_public(client, plain)
    money = client.get_balance_allowance(BalanceAllowanceParams(AssetType.COLLATERAL))
    expect("read the balance", int(money["balance"]) > 0 and money["allowances"], money)

    trader = Trader(client, plain)
    trader.own_orders()
    trader.batch()
    trader.mistakes()
    for market, who in [(plain, "V2"), (grouped, "V2 negative risk"), (newer, "V3")]:
        Trader(client, market).rest_and_cancel(who)
        Trader(client, market).buy_and_sell(who)
    trader.follow_trade()
    for kind, wallet in wallets.items():
        other = ClobClient(ready["clob"], POLYGON, secret, client.creds, signature_type=kind, funder=wallet)
        for market, who in [(plain, "V2"), (newer, "V3")]:
            Trader(other, market).rest_and_cancel(f"{NAMES[kind]}, {who}")
        Trader(other, plain).buy(NAMES[kind])
    trader.heartbeats()
    gone = client.cancel_all()
    expect("cancel all", len(gone["canceled"]) == 1, gone)
    client.delete_api_key()
    expect_refusal("a deleted key", "Unauthorized/Invalid api key", client.get_api_keys)


main(sys.argv[1])
