// An ordinary day with @polymarket/clob-client-v2 against the venue of the given ready file: node life.mjs READY.
// POLYMARKET_PRIVATE_KEY in the environment is the secret key of its first account.
// Prints a line for each thing done; ends with 1 at the first that came out otherwise than expected.

import { readFileSync } from "node:fs";
import {
    ApiError,
    AssetType,
    Chain,
    ClobClient,
    OrderType,
    PriceHistoryInterval,
    Side,
} from "@polymarket/clob-client-v2";
import { createWalletClient, http } from "viem";
import { privateKeyToAccount } from "viem/accounts";

/** Prints that `what` came out as expected, or ends the day. */
function expect(what, holds, got) {
    if (!holds) {
        console.error(`FAILED ${what}; got ${got instanceof Error ? got.stack : JSON.stringify(got)}`);
        process.exit(1);
    }
    console.log(`ok ${what}`);
}

/** Expects the venue to refuse `call` with `words` in its answer. */
async function expectRefusal(what, words, call) {
    let answer;
    try {
        answer = await call();
    } catch (refusal) {
        const text = refusal instanceof ApiError ? `${refusal.message} ${JSON.stringify(refusal.data)}` : "";
        expect(`${what} is refused: "${words}"`, text.includes(words), refusal);
        return;
    }
    expect(`${what} is refused: "${words}"`, false, answer);
}

/** Asks until the answer is as expected, for ten seconds at most, and returns it. */
async function eventually(what, ask, holds) {
    const ends = Date.now() + 10_000;
    let got = await ask();
    while (!holds(got) && Date.now() < ends) {
        await new Promise((done) => setTimeout(done, 200));
        got = await ask();
    }
    expect(what, holds(got), got);
    return got;
}

const same = (one, other) => JSON.stringify(one) === JSON.stringify(other);

/** Makes API keys for an account, and returns a client that uses them. */
async function keys(options) {
    const client = new ClobClient(options);
    const created = await client.createApiKey();
    expect("create an API key", created.key && created.secret && created.passphrase, created);
    expect("derive the same key", same(await client.deriveApiKey(), created), created);
    const secure = new ClobClient({ ...options, creds: created });
    const listed = await secure.getApiKeys();
    expect("the key is listed", listed.apiKeys.includes(created.key), listed);
    const closed = await secure.getClosedOnlyMode();
    expect("the account may open orders", closed.closed_only === false, closed);
    return [secure, created];
}

/** Reads what anybody may about a market. */
async function readPublic(client, market) {
    const [token, other] = market.tokens;
    const condition = market.condition;
    expect("the venue is up", (await client.getOk()) === "OK", await client.getOk());
    expect("its version is 2", (await client.getVersion()) === 2, await client.getVersion());
    const skew = (await client.getServerTime()) - Date.now() / 1000;
    expect("its clock is right", Math.abs(skew) < 5, skew);
    const page = await client.getMarkets();
    expect("the market is listed", page.data.some((row) => row.condition_id === condition), page);
    const row = await client.getMarket(condition);
    expect("the market has its tokens", same(row.tokens.map((side) => side.token_id), [token, other]), row);
    const compact = await client.getClobMarketInfo(condition);
    expect("the market in short has them, too", same(compact.t.map((side) => side.t), [token, other]), compact);
    const book = await client.getOrderBook(token);
    expect("the book is of the token", book.asset_id === token && book.market === condition, book);
    const stated = book.hash;
    expect("the book's hash verifies", (await client.getOrderBookHash(book)) === stated, book);
    expect("the book is not crossed", Number(book.bids.at(-1).price) < Number(book.asks.at(-1).price), book);
    const both = market.tokens.map((token_id) => ({ token_id, side: Side.BUY }));
    const books = await client.getOrderBooks(both);
    expect("both books at once", same(books.map((one) => one.asset_id), [token, other]), books);
    const middle = await client.getMidpoint(token);
    expect("a midpoint", Number(middle.mid) > 0 && Number(middle.mid) < 1, middle);
    const middles = await client.getMidpoints(both);
    expect("midpoints of both", token in middles && other in middles, middles);
    const price = await client.getPrice(token, Side.BUY);
    expect("a price", Number(price.price) > 0 && Number(price.price) < 1, price);
    const prices = await client.getPrices(both);
    expect("prices of both", Number(prices[token].BUY) > 0, prices);
    const spread = await client.getSpread(token);
    expect("a spread", Number(spread.spread) > 0, spread);
    const last = await client.getLastTradePrice(token);
    expect("a last trade price", Number(last.price) > 0, last);
    expect("the tick size", (await client.getTickSize(token)) === book.tick_size, book);
    expect("negative risk or not", (await client.getNegRisk(token)) === market.neg_risk, market);
    expect("the fee cap", Number.isInteger(await client.getFeeRateBps(token)), await client.getFeeRateBps(token));
    const history = await client.getPricesHistory({ market: token, interval: PriceHistoryInterval.ONE_HOUR });
    expect("a history of prices", Array.isArray(history.history), history);
}

/** One client in one market, with the prices at which an order surely rests, and surely matches. */
class Trader {
    static async of(client, market) {
        const trader = new Trader();
        const book = await client.getOrderBook(market.tokens[0]);
        const tick = Number(book.tick_size);
        // Orders of Polymarket Protocol V2 are signed for Exchange V3.
        const version = market.generation === "v3" ? 3 : 2;
        const options = { tickSize: book.tick_size, negRisk: market.neg_risk, version };
        const [rests, matches] = [tick, 1 - tick];
        return Object.assign(trader, { client, market, token: market.tokens[0], tick, least: Number(book.min_order_size), options, rests, matches });
    }

    order(price, size, more = {}) {
        return { tokenID: this.token, price, size, side: Side.BUY, ...more };
    }

    place(price, size, orderType = OrderType.GTC, postOnly = false, more = {}) {
        return this.client.createAndPostOrder(this.order(price, size, more), this.options, orderType, postOnly);
    }

    async restAndCancel(who) {
        const placed = await this.place(this.rests, this.least);
        expect(`${who}: place GTC`, placed.success && placed.status === "live", placed);
        const gone = await this.client.cancelOrder({ orderID: placed.orderID });
        expect(`${who}: cancel it`, same(gone.canceled, [placed.orderID]) && same(gone.not_canceled, {}), gone);
    }

    async ownOrders() {
        const placed = await this.place(this.rests, this.least);
        const order = await this.client.getOrder(placed.orderID);
        expect("read one order", order.status === "LIVE" && Number(order.original_size) === this.least, order);
        const listed = await this.client.getOpenOrders({ market: this.market.condition });
        expect("read open orders", same(listed.map((row) => row.id), [placed.orderID]), listed);
        const until = Math.floor(Date.now() / 1000) + 300;
        const timed = await this.place(this.rests, this.least, OrderType.GTD, false, { expiration: until });
        const gtd = await this.client.getOrder(timed.orderID);
        expect("place GTD", gtd.order_type === "GTD" && gtd.expiration === `${until}`, gtd);
        const posted = await this.place(this.rests, this.least, OrderType.GTC, true);
        expect("place post-only", posted.status === "live", posted);
        const gone = await this.client.cancelOrders([placed.orderID, timed.orderID]);
        expect("cancel several", same(gone.canceled.sort(), [placed.orderID, timed.orderID].sort()), gone);
        const rest = await this.client.cancelMarketOrders({ market: this.market.condition });
        expect("cancel a market's orders", same(rest.canceled, [posted.orderID]), rest);
    }

    async batch() {
        const args = [];
        for (const size of [this.least, this.least + 1, this.least / 5]) {
            const order = await this.client.createOrder(this.order(this.rests, size), this.options);
            args.push({ order, orderType: OrderType.GTC });
        }
        const answers = await this.client.postOrders(args);
        expect("a batch takes the good ones", same(answers.map((one) => Boolean(one.orderID)), [true, true, false]), answers);
        expect("and says what is wrong with the bad one", answers[2].errorMsg.includes("lower than the minimum"), answers);
    }

    async buy(who) {
        const bought = await this.client.createAndPostMarketOrder(
            { tokenID: this.token, amount: 5, side: Side.BUY, price: this.matches, orderType: OrderType.FAK },
            this.options,
            OrderType.FAK,
        );
        expect(`${who}: buy 5 dollars' worth, FAK`, bought.status === "matched" && bought.tradeIDs.length > 0, bought);
        expect(`${who}: learn its transaction`, bought.transactionsHashes?.length > 0, bought);
        const [paid, shares] = [Number(bought.makingAmount), Number(bought.takingAmount)];
        expect(`${who}: at a price below the bound`, paid > 0 && paid <= 5 && shares > paid, bought);
        return bought;
    }

    async buyAndSell(who) {
        const bought = await this.buy(who);
        const shares = Number(bought.takingAmount);
        const held = { asset_type: AssetType.CONDITIONAL, token_id: this.token };
        await eventually(
            `${who}: the shares arrive`,
            () => this.client.getBalanceAllowance(held),
            (answer) => Number(answer.balance) >= shares * 1e6,
        );
        await this.client.updateBalanceAllowance(held);
        const sold = await this.client.createAndPostMarketOrder(
            { tokenID: this.token, amount: this.least, side: Side.SELL, price: this.rests, orderType: OrderType.FOK },
            this.options,
            OrderType.FOK,
        );
        const whole = sold.status === "matched" && Number(sold.makingAmount) === this.least;
        expect(`${who}: sell the least number of shares, FOK`, whole, sold);
        const rows = await this.client.getTrades({ id: bought.tradeIDs[0] });
        const { trader_side, side, taker_order_id } = rows[0];
        expect(`${who}: read the trade`, same([trader_side, side, taker_order_id], ["TAKER", "BUY", bought.orderID]), rows);
    }

    async followTrade() {
        const [id] = (await this.buy("EOA, V2")).tradeIDs;
        const isConfirmed = (trades) => trades.length === 1 && trades[0].status === "CONFIRMED";
        await eventually("the trade is confirmed", () => this.client.getTrades({ id }), isConfirmed);
    }

    async mistakes() {
        const { client, options, rests, matches, least, tick } = this;
        // The client rounds to the tick by itself, so its builder is told of a finer one.
        const finer = { tickSize: "0.0001", negRisk: this.market.neg_risk };
        const crooked = await client.orderBuilder.buildOrder(this.order(0.5 + tick / 10, least), finer, options.version);
        await expectRefusal("an off-tick price", "breaks minimum tick size rule", () => client.postOrder(crooked, OrderType.GTC));
        await expectRefusal("too small a size", "lower than the minimum", () => this.place(rests, least / 5));
        await expectRefusal("too large an order", "not enough balance / allowance", () => this.place(0.5, 10_000_000));
        const crosses = () => this.place(matches, least, OrderType.GTC, true);
        await expectRefusal("a post-only order that crosses", "invalid post-only order: order crosses book", crosses);
        await expectRefusal("a book of no token", "No orderbook exists", () => client.getOrderBook("1"));
    }

    async heartbeats() {
        const first = await this.client.postHeartbeat("");
        const second = await this.client.postHeartbeat(first.heartbeat_id);
        expect("two heartbeats", first.heartbeat_id !== second.heartbeat_id, [first, second]);
        const wrong = () => this.client.postHeartbeat("00000000-0000-0000-0000-000000000000");
        await expectRefusal("a wrong heartbeat", second.heartbeat_id, wrong);
    }
}

async function main(readyFile) {
    const ready = JSON.parse(readFileSync(readyFile, "utf8"));
    const [account] = ready.accounts;
    const older = ready.markets.filter((one) => one.generation === "v2");
    const plain = older.find((one) => !one.neg_risk);
    const grouped = older.find((one) => one.neg_risk);
    const newer = ready.markets.find((one) => one.generation === "v3");
    const own = privateKeyToAccount(process.env.POLYMARKET_PRIVATE_KEY);
    const signer = createWalletClient({ account: own, transport: http(ready.rpc_http) });
    const options = { host: ready.clob, chain: Chain.POLYGON, signer, throwOnError: true };

    const [client, creds] = await keys(options);
    const money = await client.getBalanceAllowance({ asset_type: AssetType.COLLATERAL });
    expect("read the balance", Number(money.balance) > 0 && Object.keys(money.allowances).length > 0, money);
    await readPublic(client, plain);
    const trader = await Trader.of(client, plain);
    await trader.ownOrders();
    await trader.mistakes();
    await trader.batch();
    const gone = await client.cancelAll();
    expect("cancel all", gone.canceled.length === 2, gone);
    for (const [market, who] of [[plain, "V2"], [grouped, "V2 negative risk"], [newer, "V3"]]) {
        const here = await Trader.of(client, market);
        await here.restAndCancel(who);
        await here.buyAndSell(who);
    }
    await trader.followTrade();
    const wallets = [[1, "proxy"], [2, "safe"], [3, "deposit_wallet"]];
    for (const [signatureType, wallet] of wallets) {
        const other = new ClobClient({ ...options, creds, signatureType, funderAddress: account[wallet] });
        for (const [market, who] of [[plain, "V2"], [newer, "V3"]]) {
            await (await Trader.of(other, market)).restAndCancel(`${wallet}, ${who}`);
        }
        await (await Trader.of(other, plain)).buy(wallet);
    }
    await trader.heartbeats();
    await client.deleteApiKey();
    await expectRefusal("a deleted key", "Unauthorized/Invalid api key", () => client.getApiKeys());
}

await main(process.argv[2]);
