"""An ordinary day with polymarket-client against the venue of the given ready file: life.py READY.

POLYMARKET_PRIVATE_KEY in the environment is the secret key of its first account.

Prints a line for each thing done; ends with 1 at the first that came out otherwise than expected.
"""

import asyncio
import dataclasses
import json
import os
import sys
import time
from decimal import Decimal

from polymarket import PRODUCTION, AsyncSecureClient
from polymarket.environments import Environment, _create_environment
from polymarket.errors import (
    OrderHeartbeatMismatchError,
    PolymarketError,
    RequestRejectedError,
    UserInputError,
)
from polymarket.streams import MarketSpec, UserSpec

WALLETS = {"EOA": "address", "proxy": "proxy", "Safe": "safe", "deposit wallet": "deposit_wallet"}
# Gamma says which protocol, the ready file which orders.
PROTOCOLS = {"v2": "v1", "v3": "v2"}


def expect(what: str, holds: bool, got: object) -> None:
    """Prints that `what` came out as expected, or ends the day."""
    if not holds:
        sys.exit(f"FAILED {what}; got {got!r}")
    print(f"ok {what}", flush=True)


async def expect_refusal(what: str, kind: type[PolymarketError], words: str, call) -> None:
    """Expects the client to raise an error of this kind, with `words` in it."""
    try:
        answer = await call
    except kind as refusal:
        expect(f"{what} is refused: {words!r}", words in str(refusal), refusal)
    else:
        sys.exit(f"FAILED {what} is refused: {words!r}; got {answer!r}")


async def eventually(what: str, ask, holds) -> object:
    """Asks until the answer is as expected, for twenty seconds at most, and returns it."""
    ends = time.monotonic() + 20
    while not holds(got := await ask()) and time.monotonic() < ends:
        await asyncio.sleep(0.2)
    expect(what, holds(got), got)
    return got


def environment(ready: dict) -> Environment:
    """The production environment at the hosts of the ready file. The client has no public way to say them."""
    hosts = {
        "clob_url": ready["clob"],
        "clob_market_ws_url": ready["ws_market"],
        "clob_user_ws_url": ready["ws_user"],
        "relayer_url": ready["relayer"],
        "gamma_url": ready["gamma"],
        "data_url": ready["data"],
        "rtds_ws_url": ready["rtds"],
        "rpc_url": ready["rpc_http"],
    }
    config = dataclasses.replace(PRODUCTION._config, **hosts)
    return _create_environment(name="simulated", config=config)


async def read_public(client: AsyncSecureClient, market: dict) -> None:
    """Reads what anybody may about a market."""
    condition, (token, other) = market["condition"], market["tokens"]
    book = await client.get_order_book(token_id=token)
    expect("a book", book.asset_id == token and book.condition_id == condition, book)
    expect("not crossed", book.bids[-1].price < book.asks[-1].price, book)
    books = await client.get_order_books(token_ids=[token, other])
    expect("both books at once", {one.asset_id for one in books} == {token, other}, books)
    middle = await client.get_midpoint(token_id=token)
    expect("a midpoint", 0 < middle < 1, middle)
    middles = await client.get_midpoints(token_ids=[token, other])
    expect("midpoints of both", set(middles) == {token, other}, middles)
    expect("a price", 0 < await client.get_price(token_id=token, side="BUY") < 1, None)
    expect("a spread", 0 < await client.get_spread(token_id=token) < 1, None)
    expect("a last trade price or none", await client.get_last_trade_price(token_id=token) != 0, None)
    listed = [one async for one in client.list_markets(condition_ids=[condition]).iter_items()]
    expect("Gamma lists the market", [one.condition_id for one in listed] == [condition], listed)
    found = listed[0]
    expect("with its outcomes", (found.outcomes.yes.token_id, found.outcomes.no.token_id) == (token, other), found)
    expect("its version", found.version == PROTOCOLS[market["generation"]], found)
    expect("its tick", found.trading.minimum_tick_size == book.tick_size, (found, book))
    by_slug = await client.get_market(slug=found.slug)
    expect("and knows it by its slug", by_slug.id == found.id, by_slug)
    every = [one async for one in client.list_markets(page_size=2).iter_items()]
    expect("pages of markets", len({one.id for one in every}) == len(every) > 2, every)


class Trader:
    """One client in one market, with the prices at which an order surely rests, and surely matches."""

    def __init__(self, client: AsyncSecureClient, market: dict, book):
        self.client, self.market, self.token = client, market, market["tokens"][0]
        self.tick, self.least = book.tick_size, book.min_order_size
        self.rests, self.matches = self.tick, 1 - self.tick

    @classmethod
    async def of(cls, client: AsyncSecureClient, market: dict) -> "Trader":
        return cls(client, market, await client.get_order_book(token_id=market["tokens"][0]))

    async def place(self, price: Decimal, size: Decimal, **more):
        return await self.client.place_limit_order(
            token_id=self.token, price=price, size=size, side="BUY", **more
        )

    async def rest_and_cancel(self, who: str) -> None:
        placed = await self.place(self.rests, self.least)
        expect(f"{who}: place GTC", placed.ok and placed.status == "live", placed)
        gone = await self.client.cancel_order(order_id=placed.order_id)
        expect(f"{who}: cancel it", gone.canceled == (placed.order_id,) and not gone.not_canceled, gone)

    async def own_orders(self) -> None:
        condition = self.market["condition"]
        placed = await self.place(self.rests, self.least)
        order = await self.client.get_order(order_id=placed.order_id)
        expect("read one order", (order.status, order.original_size) == ("LIVE", self.least), order)
        listed = [one async for one in self.client.list_open_orders(market=condition).iter_items()]
        expect("read open orders", [one.id for one in listed] == [placed.order_id], listed)
        until = int(time.time()) + 300
        timed = await self.place(self.rests, self.least, expiration=until)
        order = await self.client.get_order(order_id=timed.order_id)
        expect("place GTD", (order.order_type, order.expires_at.timestamp()) == ("GTD", until), order)
        posted = await self.place(self.rests, self.least, post_only=True)
        expect("place post-only", posted.ok and posted.status == "live", posted)
        gone = await self.client.cancel_orders(order_ids=[placed.order_id, timed.order_id])
        expect("cancel several", set(gone.canceled) == {placed.order_id, timed.order_id}, gone)
        gone = await self.client.cancel_market_orders(market=condition)
        expect("cancel a market's orders", gone.canceled == (posted.order_id,), gone)

    async def batch(self) -> None:
        sizes = [self.least, self.least + 1, self.least / 5]
        orders = [
            await self.client.create_limit_order(token_id=self.token, price=self.rests, size=size, side="BUY")
            for size in sizes
        ]
        answers = await self.client.post_orders(orders)
        expect("a batch takes the good ones", [one.ok for one in answers] == [True, True, False], answers)
        expect("and says what is wrong with the bad one", "lower than the minimum" in answers[2].message, answers)

    async def buy(self, who: str):
        bought = await self.client.place_market_order(
            token_id=self.token, side="BUY", amount=5, max_price=self.matches, order_type="FAK"
        )
        expect(f"{who}: buy 5 dollars' worth, FAK", bought.ok and bought.status == "matched", bought)
        expect(f"{who}: at a price below the bound", 0 < bought.making_amount <= 5 < bought.taking_amount, bought)
        return bought

    async def buy_and_sell(self, who: str) -> None:
        bought = await self.buy(who)
        hashes = await self.client.wait_for_order_fill_settlement(bought)
        expect(f"{who}: its settlement", len(hashes) >= 1, hashes)
        kind = "CONDITIONAL-V2" if self.market["generation"] == "v3" else "CONDITIONAL"
        held = await self.client.get_balance_allowance(asset_type=kind, token_id=self.token)
        expect(f"{who}: the shares have arrived", held.balance >= bought.taking_amount * 10**6, held)
        sold = await self.client.place_market_order(
            token_id=self.token, side="SELL", shares=self.least, min_price=self.rests, order_type="FOK"
        )
        expect(f"{who}: sell the least number of shares, FOK", sold.ok and sold.making_amount == self.least, sold)
        rows = [one async for one in self.client.list_account_trades(id=bought.trade_ids[0]).iter_items()]
        expect(
            f"{who}: read the trade",
            [(one.id, one.status, one.trader_side) for one in rows] == [(bought.trade_ids[0], "CONFIRMED", "TAKER")],
            rows,
        )

    async def mistakes(self) -> None:
        # What the client sees by itself it does not send.
        await expect_refusal(
            "an off-tick price", UserInputError, "must conform to tick size", self.place(self.tick * Decimal("1.1"), self.least)
        )
        rejected, refuse = RequestRejectedError, expect_refusal
        await refuse("too small a size", rejected, "lower than the minimum", self.place(self.rests, self.least / 5))
        half = Decimal("0.5")
        await refuse("too large an order", rejected, "not enough balance / allowance", self.place(half, 10_000_000))
        crosses = self.place(self.matches, self.least, post_only=True)
        await refuse("a post-only order that crosses", rejected, "order crosses book", crosses)
        await refuse("a book of no token", rejected, "No orderbook exists", self.client.get_order_book(token_id="1"))


async def heard(events, wanted) -> list:
    """Listens until all of `wanted` (what: test) have been heard, for fifteen seconds at most."""
    missing, seen = dict(wanted), []
    try:
        async with asyncio.timeout(15):
            while missing:
                event = await anext(events)
                seen.append(event)
                for what in [what for what, is_it in missing.items() if is_it(event)]:
                    expect(f"hear of {what}", True, event)
                    del missing[what]
    except TimeoutError:
        expect(f"hear of {', '.join(missing)}", False, seen[-10:])
    return seen


async def sockets(client: AsyncSecureClient, trader: Trader) -> None:
    """Follows the market and the account while orders come and go."""
    token = trader.token
    async with (
        await client.subscribe(MarketSpec(asset_ids=[token], custom_feature_enabled=True)) as market,
        await client.subscribe(UserSpec()) as user,
    ):
        await heard(market, {"the book": lambda event: event.type == "book" and event.payload.asset_id == token})
        placed = await trader.place(trader.rests, trader.least)
        await client.cancel_order(order_id=placed.order_id)
        bought = await client.place_market_order(token_id=token, side="BUY", amount=5, max_price=trader.matches)

        def own(kind: str, order):
            return lambda event: event.type == "order" and event.payload.order_event_type == kind and event.payload.id == order.order_id

        def settled(status: str):
            return lambda event: (
                event.type == "trade" and event.payload.id in bought.trade_ids and event.payload.status == status
            )

        wanted = {
            "the order's placement": own("PLACEMENT", placed),
            "its cancellation": own("CANCELLATION", placed),
            "the match": settled("MATCHED"),
            "the trade, mined": settled("MINED"),
            "the trade, confirmed": settled("CONFIRMED"),
        }
        await heard(user, wanted)
        await heard(
            market,
            {
                "a change of price": lambda event: event.type == "price_change",
                "our trade's price": lambda event: event.type == "last_trade_price" and event.payload.asset_id == token,
                "the best bid and ask": lambda event: event.type == "best_bid_ask",
            },
        )


async def history(client: AsyncSecureClient) -> None:
    """Reads what the Data API knows of the account, which lags behind."""
    wallet = client.wallet

    async def all_of(pages):
        return [one async for one in pages.iter_items()]

    trades = await eventually("the Data API's trades", lambda: all_of(client.list_trades(user=wallet)), bool)
    expect("are the wallet's", {one.wallet.lower() for one in trades} == {wallet.lower()}, trades)
    await eventually("its activity", lambda: all_of(client.list_activity(user=wallet)), bool)
    held = await eventually("its positions", lambda: all_of(client.list_positions(user=wallet)), bool)
    expect("have a size", all(one.current_size > 0 for one in held), held)
    value = await client.get_portfolio_value(user=wallet)
    expect("its value", value.value > 0, value)


async def heartbeats(client: AsyncSecureClient, trader: Trader) -> None:
    """Starts the dead man's switch, lets it fire, and finds the order gone."""
    placed = await trader.place(trader.rests, trader.least)
    first = await client.send_order_heartbeat()
    second = await client.send_order_heartbeat(heartbeat_id=first.heartbeat_id)
    expect("two heartbeats", first.heartbeat_id != second.heartbeat_id, (first, second))
    try:
        await client.send_order_heartbeat(heartbeat_id="00000000-0000-0000-0000-000000000000")
    except OrderHeartbeatMismatchError as mismatch:
        expect("a wrong one is told the right one", mismatch.heartbeat_id == second.heartbeat_id, mismatch)
    await eventually(
        "without heartbeats the orders die",
        lambda: client.get_order(order_id=placed.order_id),
        lambda order: order.status.startswith("CANCELED"),
    )


async def main(ready_file: str) -> None:
    with open(ready_file) as file:
        ready = json.load(file)
    account, venue = ready["accounts"][0], environment(ready)
    older = [one for one in ready["markets"] if one["generation"] == "v2"]
    plain = next(one for one in older if not one["neg_risk"])
    grouped = next(one for one in older if one["neg_risk"])
    newer = next(one for one in ready["markets"] if one["generation"] == "v3")

    for name, wallet in WALLETS.items():
        client = await AsyncSecureClient.create(
            private_key=os.environ["POLYMARKET_PRIVATE_KEY"], wallet=account[wallet], environment=venue
        )
        async with client:
            expect(f"{name}: create or derive keys", client.credentials.key in await client.fetch_api_keys(), client)
            money = await client.get_balance_allowance(asset_type="COLLATERAL")
            expect(f"{name}: read the balance", money.balance > 0 and money.allowances, money)
            for market, who in [(plain, "V2"), (newer, "V3")]:
                await (await Trader.of(client, market)).rest_and_cancel(f"{name}, {who}")
            await (await Trader.of(client, plain)).buy(name)
            if name == "EOA":
                await read_public(client, plain)
                expect("the account may open orders", await client.get_closed_only_mode() is False, None)
                trader = await Trader.of(client, plain)
                await trader.own_orders()
                await trader.batch()
                gone = await client.cancel_all()
                expect("cancel all", len(gone.canceled) == 2, gone)
                await trader.mistakes()
                for market, who in [(plain, "V2"), (grouped, "V2 negative risk"), (newer, "V3")]:
                    await (await Trader.of(client, market)).buy_and_sell(who)
                await sockets(client, trader)
                await history(client)
            if name == "deposit wallet":
                await heartbeats(client, await Trader.of(client, plain))
                await client.delete_api_key()
                await expect_refusal("a deleted key", RequestRejectedError, "Unauthorized", client.fetch_api_keys())


asyncio.run(main(sys.argv[1]))
