// @polymarket/clob-client-v2: orders from their values to the arguments of its POST, frames by JSON.parse: measure.mjs WORK.
// Speaks as ../measure.rs does: a line in (CASE MILLISECONDS), a line of JSON out.

import { readFileSync } from "node:fs";
import { createInterface } from "node:readline";
import { ClobClient, OrderType, Side } from "@polymarket/clob-client-v2";
import { createWalletClient, http } from "viem";
import { privateKeyToAccount } from "viem/accounts";
import { polygon } from "viem/chains";

const SAMPLES_MIN = 5;
const SAMPLES_MAX = 201;
const ORDER = "price and size -> createOrder + postOrder, up to the call that sends; keys by viem";
const NOWHERE = "http://127.0.0.1:9";

/** Returns what makes the n-th order's request, and the amounts that it signs for each. */
async function order(work, signatureType) {
    const signer = createWalletClient({ account: privateKeyToAccount(work.key), chain: polygon, transport: http(NOWHERE) });
    const creds = { key: work.api_key, secret: work.secret, passphrase: work.passphrase };
    const client = new ClobClient({ host: NOWHERE, chain: 137, signer, creds, signatureType, funderAddress: work.funder });
    client.tickSizes[work.token] = "0.01";
    client.negRisk[work.token] = false;
    client.cachedVersion = 2;
    let sent;
    client.post = async (url, request) => {
        sent = request;
        // axios makes the text of the body when it sends: it is part of the work.
        sent.text = JSON.stringify(request.data);
        return { success: true, transactionsHashes: ["0x"] };
    };
    client.resolveTransactionsHashes = async (answer) => answer;
    const orders = work.orders.map(({ price, shares }) => ({ price: Number(price), size: Number(shares) }));
    const each = async (nth) => {
        const { price, size } = orders[nth % orders.length];
        const values = { tokenID: work.token, price, size, side: Side.BUY };
        const signed = await client.createOrder(values, { tickSize: "0.01", negRisk: false });
        await client.postOrder(signed, OrderType.FAK);
    };
    const amounts = [];
    for (let nth = 0; nth < orders.length; nth++) {
        await each(nth);
        amounts.push([sent.data.order.makerAmount, sent.data.order.takerAmount]);
    }
    return [each, amounts];
}

const kept = { frame: undefined };

/** Reads frames, and keeps what was read where it can be seen: else it might not be read at all. */
function decode(frames) {
    return (nth) => {
        kept.frame = JSON.parse(frames[nth % frames.length]);
    };
}

/** A promise is waited for only where there is one: waiting costs more than a frame does. */
async function spent(each, first, count) {
    const begun = process.hrtime.bigint();
    for (let nth = first; nth < first + count; nth++) {
        const promise = each(nth);
        if (promise) await promise;
    }
    return Number(process.hrtime.bigint() - begun);
}

/** Returns how often it is to be done for a sample of half a millisecond. Also warms it up, long enough for the compiler. */
async function calibrated(each) {
    const ends = Date.now() + 300;
    let count = 1;
    while ((await spent(each, 0, count)) < 500_000 || Date.now() < ends) count *= 2;
    return Math.max(1, Math.floor((count * 500_000) / (await spent(each, 0, count))));
}

async function measured(each, count, millis) {
    const samples = [];
    const ends = Date.now() + millis;
    for (let done = 0; samples.length < SAMPLES_MIN || (Date.now() < ends && samples.length < SAMPLES_MAX); done += count) {
        samples.push((await spent(each, done, count)) / count);
    }
    samples.sort((a, b) => a - b);
    return { ns: samples[samples.length >> 1], least: samples[0], allocations: null };
}

const work = JSON.parse(readFileSync(process.argv[2], "utf8"));
const [cases, works, orders, counts] = [{}, {}, {}, {}];
for (const [name, signatureType] of [["order_safe", 2], ["order_deposit", 3]]) {
    [cases[name], orders[name]] = await order(work, signatureType);
    works[name] = ORDER;
}
for (const [name, frames] of Object.entries(work.frames)) {
    cases[name] = decode(frames);
    works[name] = "frame -> JSON.parse, an object (it has no socket of its own)";
}
const lock = JSON.parse(readFileSync(new URL("package-lock.json", import.meta.url), "utf8"));
const { version } = lock.packages["node_modules/@polymarket/clob-client-v2"];
console.log(JSON.stringify({ version, cases: works, orders }));
for await (const line of createInterface({ input: process.stdin })) {
    const [name, millis] = line.split(" ");
    counts[name] ??= await calibrated(cases[name]);
    console.log(JSON.stringify(await measured(cases[name], counts[name], Number(millis))));
}
