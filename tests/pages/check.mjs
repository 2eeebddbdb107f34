// Looks at every page as a person would, and as a screen reader would. Exits with 1 if anything is wrong.

import { readFileSync } from "node:fs";
import { createInterface } from "node:readline";
import { join } from "node:path";
import { chromium } from "playwright-core";

const { FULL, EMPTY, HALTED, LOCKED, PASSWORD, SCREENSHOTS, PROFILE } = process.env;
const axe = readFileSync(new URL("node_modules/axe-core/axe.min.js", import.meta.url), "utf8");
const PAGES = { overview: "/", trades: "/paper-trades", live: "/live-trades", "live-orders": "/live-trades/orders", "live-fills": "/live-trades/fills", "paper-orders": "/paper-trades/orders", real: "/real-portfolio", portfolio: "/paper-portfolio?portfolio=0&range=week", latency: "/latency", signals: "/signals", logs: "/logs", execution: "/execution?range=all", skips: "/skips?range=all", results: "/results?range=all", leaders: "/leaders?range=all", alerts: "/alerts", setup: "/setup", api: "/api", strategies: "/strategies", config: "/config", controls: "/controls", audit: "/audit", days: "/results?range=all&by=day", signal: "/signals/120", order: "/orders/157", token: "/tokens/0" };
const PHONE = { width: 390, height: 844 };
const NARROW = { width: 360, height: 740 };
const DESK = { width: 1280, height: 900 };

let faults = 0;
function check(good, what) {
  if (!good) { faults += 1; console.log(`FAULT: ${what}`); }
}

const answers = createInterface({ input: process.stdin })[Symbol.asyncIterator]();
async function ask(what) {
  console.log(`do: ${what}`);
  await answers.next();
}

const browser = await chromium.launchPersistentContext(PROFILE, {
  executablePath: "/usr/bin/chromium", headless: true, viewport: DESK, acceptDownloads: true,
  args: ["--no-sandbox", "--headless", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking", "--disable-component-update", "--disable-sync"],
});

async function open(url, name, { viewport = DESK, scheme = "light", allow = () => false } = {}) {
  const page = await browser.newPage();
  await page.setViewportSize(viewport);
  await page.emulateMedia({ colorScheme: scheme });
  page.on("console", (message) => {
    if (["error", "warning"].includes(message.type()) && !allow(message.text())) check(false, `${name}: console says ${message.text()}`);
  });
  page.on("pageerror", (error) => check(false, `${name}: ${error}`));
  page.on("request", (request) => check(request.url().startsWith(new URL(url).origin), `${name}: asks elsewhere: ${request.url()}`));
  page.on("dialog", (dialog) => { check(false, `${name}: a script of a stranger ran`); dialog.dismiss(); });
  await page.goto(url);
  await page.waitForFunction(() => !document.querySelector(".plot") || document.querySelector(".uplot") || document.body.innerText.includes("yet"), null, { timeout: 5000 })
    .catch(() => check(false, `${name}: the chart did not come`));
  return page;
}

async function accessible(page, name) {
  await page.evaluate(axe);
  const { violations } = await page.evaluate(() => window.axe.run(document, { resultTypes: ["violations"] }));
  for (const violation of violations) {
    check(false, `${name}: axe ${violation.id}: ${violation.help}: ${violation.nodes.map((node) => `${node.html.slice(0, 160)} ${node.any.map((any) => any.message).join("; ")}`).join(" | ").slice(0, 600)}`);
  }
}

async function fits(page, name) {
  const wide = await page.evaluate(() => {
    const width = document.documentElement.clientWidth;
    const out = [...document.querySelectorAll("main *")].filter((el) => !el.closest(".scroll, .uplot, .cards thead") && el.getBoundingClientRect().right > width + 1);
    return { scroll: document.documentElement.scrollWidth - width, out: out.slice(0, 3).map((el) => el.outerHTML.slice(0, 120)) };
  });
  check(wide.scroll <= 0 && wide.out.length === 0, `${name}: wider than the screen by ${wide.scroll}px: ${wide.out.join(" | ")}`);
}

// A long page is cut: the picture is for people.
async function shoot(page, name) {
  const { width } = page.viewportSize();
  const height = Math.min(await page.evaluate(() => document.documentElement.scrollHeight), width * 3);
  await page.screenshot({ path: join(SCREENSHOTS, `${name}.png`), fullPage: true, clip: { x: 0, y: 0, width, height } });
}

// A few pages at once: a browser mostly waits.
async function each(pages, look) {
  const left = Object.entries(pages);
  await Promise.all(Array.from({ length: 3 }, async () => {
    for (let next = left.shift(); next; next = left.shift()) await look(...next);
  }));
}

// Every page: desk and phone, light and dark.
await each(PAGES, async (name, path) => {
  for (const [device, viewport, scheme] of [["desk", DESK, "light"], ["phone", PHONE, "dark"]]) {
    const title = `${name}-${device}-${scheme}`;
    const page = await open(FULL + path, title, { viewport, scheme });
    await fits(page, title);
    await accessible(page, title);
    await shoot(page, title);
    check((await page.locator("h1").count()) === 1, `${title}: one heading`);
    await page.setViewportSize(NARROW);
    await fits(page, `${title}, made narrow`);
    await page.close();
  }
});

// Nothing there yet: every page that lists what happened says what to expect.
const { setup, api, days, signal, order, token, ...LISTS } = PAGES;
await each(LISTS, async (name, path) => {
  const page = await open(EMPTY + path, `empty-${name}`, { viewport: PHONE });
  await accessible(page, `empty-${name}`);
  await fits(page, `empty-${name}`);
  check((await page.locator(".empty-state").count()) > 0, `empty-${name}: says what to expect`);
  check((await page.locator(".banner.demo").count()) === 1, `empty-${name}: says that it is a demo`);
  await shoot(page, `empty-${name}`);
  await page.close();
});
{
  const page = await open(`${HALTED}/`, "halted");
  check((await page.locator(".banner.bad:visible").first().innerText()).includes("the journal's disk is full"), "halted: the banner says why");
  check((await page.locator("#level").innerText()) === "Stopped", "halted: the header says so");
  await accessible(page, "halted");
  await shoot(page, "halted");
  await page.close();
}

// Strangers' text is text.
{
  const page = await open(`${FULL}/paper-trades?leader=2`, "injection");
  const text = await page.locator("main").innerText();
  check(text.includes("<img src=x onerror=alert(1)> evil title"), "injection: the title shows as text");
  check(!/[\u202a-\u202e\u2066-\u2069]/.test(await page.content()), "injection: no bidi control is left");
  check((await page.locator("main img").count()) === 0, "injection: no element was made");
  await page.close();
}

// Filters, paging, the life of a signal, CSV.
{
  const page = await open(`${FULL}/paper-trades`, "filters");
  await page.getByLabel("Outcome").selectOption("unprompted");
  await page.getByRole("button", { name: "Apply" }).click();
  check((await page.locator("tbody tr").count()) === 3, "filters: the orders without a signal are found");
  await page.goto(`${FULL}/paper-trades?reason=too_old&portfolio=0`);
  const texts = await page.locator("tbody tr .c-end").allInnerTexts();
  check(texts.length > 5 && texts.every((text) => text.includes("Limit 3 s, actual 7.25 s") && text.includes("trade_age_ms_max")), "filters: reason, numbers and setting");
  await page.goto(`${FULL}/paper-trades`);
  const first = await page.locator("tbody tr").first().innerText();
  await page.getByRole("link", { name: "Older" }).click();
  check((await page.locator("tbody tr").count()) === 50 && (await page.locator("tbody tr").first().innerText()) !== first, "paging: an older page");
  await page.goto(`${FULL}/signals/120`);
  const life = await page.locator(".life li .strong").allInnerTexts();
  check(life[0] === "The leader's trade was taken in" && life.includes("An order was submitted") && life.includes("A fill came"), `life: in order: ${life}`);
  await page.goto(`${FULL}/paper-trades?side=sell`);
  const [download] = await Promise.all([page.waitForEvent("download"), page.getByRole("link", { name: "CSV" }).click()]);
  const csv = readFileSync(await download.path(), "utf8").trimEnd().split("\r\n");
  check(csv[0].startsWith("at,signal,order,portfolio") && csv.length > 40, `CSV: ${csv.length} lines`);
  check(csv.slice(1).every((line) => line.includes(",sell,")), "CSV: what is shown is what comes");
  check(csv.some((line) => line.includes(`"'=HYPERLINK(""http://evil.example"",`)), "CSV: a formula is text");
  await page.close();
}

// Ends, scores, and what the noes cost.
{
  const page = await open(`${FULL}/signals/118`, "ends");
  check((await page.locator("#life").innerText()).includes("with signal 121"), "ends: a merged copy says with which");
  await page.goto(`${FULL}/paper-trades?outcome=buffered`);
  const waits = await page.locator("tbody tr").first().innerText();
  check(waits.includes("Buffered") && waits.includes("copy of $0.42"), `ends: a buffered copy says how much: ${waits}`);
  await page.goto(`${FULL}/signals/120`);
  const life = await page.locator("#life").innerText();
  check(/Score \d+\.\d%/.test(life) && life.includes("attempt 2") && life.includes("market"), "ends: the score and the attempt are said");
  await page.goto(`${FULL}/skips?range=all`);
  const first = page.locator("#reasons tbody tr").first();
  check(/The noes (cost|saved)/.test(await page.locator("#total").innerText()), "skips: what they cost or saved is said");
  const code = await first.locator("a code").innerText();
  await first.locator("a").click();
  check((await page.locator("tbody tr .c-end").allInnerTexts()).every((text) => text.includes("Skipped") || text.includes("Refused")), `skips: ${code} leads to its trades`);
  check((await page.locator("main").innerText()).includes("The copy would have earned"), "skips: each says what it would have earned");
  await page.goto(`${FULL}/results?range=all`);
  const sum = await page.locator("#lines .lead").innerText();
  await page.getByRole("link", { name: "By market" }).click();
  check((await page.locator("#lines .lead").innerText()) === sum && sum.includes("Realised"), "results: each breakdown adds up to the same");
  await page.getByRole("link", { name: "Live", exact: true }).click();
  check((await page.locator("#lines .lead").innerText()) !== sum, "results: live has its own");
  await page.goto(`${FULL}/paper-portfolio?portfolio=0`);
  check((await page.locator("#money").innerText()).includes("$49.60"), "portfolio: what cools down is listed with its release");
  await page.close();
}

// What was told, to whom, and what did not arrive; a stranger's title is text here, too.
{
  const page = await open(`${FULL}/alerts`, "alerts");
  check((await page.locator("#now li").count()) === 1 && (await page.locator("#now").innerText()).includes("Live killed"), "alerts: what lasts is on top");
  check(/failed after 10 tries, it answered 500/.test(await page.locator("#told").innerText()), "alerts: a failure is told");
  check((await page.locator("main img").count()) === 0 && (await page.locator("#told").innerText()).includes("<img src=x"), "alerts: a title is text");
  await page.getByRole("combobox", { name: "Rule" }).selectOption("slippage");
  await page.getByRole("button", { name: "Apply" }).click();
  check((await page.locator("#told tbody tr").count()) === 1, "alerts: the filter");
  await page.close();
}

// Sources and leaders.
{
  const page = await open(`${FULL}/leaders?range=all`, "leaders");
  const activity = await page.locator("#sources tbody tr", { hasText: "activity" }).first().innerText();
  check(activity.includes("real-time socket") && /\d+ in gaps/.test(await page.locator("#sources").innerText()), `leaders: a source says what it is and what it missed: ${activity}`);
  check((await page.locator("#leaders tbody tr").count()) === 4 && (await page.locator("#leaders svg rect").count()) > 4, "leaders: each with his spread");
  check((await page.locator("#leaders tbody tr", { hasText: "bold" }).innerText()).includes("market maker"), "leaders: a score says what to beware of");
  check(/Half of the trades were seen under/.test(await page.locator("#behind").innerText()), "leaders: the histogram in words");
  await page.locator("#leaders tbody tr a code").first().click();
  await page.waitForURL(/paper-trades/);
  check((await page.locator("tbody tr .c-end").count()) > 0, "leaders: a no leads to its trades");
  await page.close();
}

// Off is one click on every page, and needs no login here; what opens does.
{
  const page = await open(`${FULL}/latency`, "off");
  await page.getByRole("button", { name: "OFF", exact: true }).click();
  await page.waitForURL(/\/controls\?answer=/);
  check((await page.locator(".banner.done[role=status]").innerText()).includes("live is off: nothing leaves"), "off: what was answered is said");
  check((await page.locator(".banner.warn").innerText()).includes("remora web password"), "off: what opens needs a password, and how to set it");
  check((await page.getByRole("button", { name: "Resume" }).count()) === 0, "off: nothing opens without a login");
  await page.getByRole("link", { name: "audit", exact: true }).first().click();
  const words = await page.locator("#audit tbody tr").allInnerTexts();
  check(words.length === 50 && words[0].includes("token phone") && words.join().includes("<script>"), `audit: the newest first, as text: ${words[0]}`);
  await page.getByRole("link", { name: "Older" }).click();
  check((await page.locator("#audit tbody tr").count()) === 10, "audit: the rest");
  await page.close();
}

// The login, and what it opens.
{
  const refused = (text) => text.includes("401");
  const page = await open(`${LOCKED}/controls`, "login", { allow: refused });
  check(page.url() === `${LOCKED}/login?next=/controls`, `login: it comes first: ${page.url()}`);
  for (const [name, viewport, scheme] of [["login-desk-light", DESK, "light"], ["login-phone-dark", PHONE, "dark"]]) {
    await page.setViewportSize(viewport);
    await page.emulateMedia({ colorScheme: scheme });
    await accessible(page, name);
    await fits(page, name);
    await shoot(page, name);
  }
  await page.getByLabel("Password").fill("wrong horse battery");
  await page.getByRole("button", { name: "Log in" }).click();
  await page.getByRole("alert").waitFor({ timeout: 5000 }).catch(() => check(false, "login: a wrong password is said to be wrong"));
  await page.getByLabel("Password").fill(PASSWORD);
  await page.keyboard.press("Enter");
  await page.waitForURL(/\/controls$/);
  for (const [name, viewport, scheme] of [["opened-desk-light", DESK, "light"], ["opened-desk-dark", DESK, "dark"], ["opened-phone-light", PHONE, "light"]]) {
    await page.setViewportSize(viewport);
    await page.emulateMedia({ colorScheme: scheme });
    await accessible(page, name);
    await fits(page, name);
    await shoot(page, name);
  }
  check((await page.locator("#h-on + *").count()) === 1 && (await page.locator("main").innerText()).includes("$500"), "opened: what turning on means");
  await page.getByLabel(/To turn it on, type/).fill("trade with real money");
  await page.getByRole("button", { name: "Turn live ON" }).click();
  await page.waitForURL(/answer=/);
  const answer = await page.locator(".banner.bad[role=status]").innerText();
  check(answer.includes("not everything is green") && answer.includes("Postgres is not written"), `opened: a refusal says why: ${answer}`);
  await accessible(page, "refused");
  await shoot(page, "refused-phone-light");
  await page.getByRole("button", { name: "Resume careful" }).click();
  await page.locator(".banner.done[role=status]").waitFor({ timeout: 5000 }).catch(() => check(false, "opened: resume is answered"));
  await page.getByRole("button", { name: "Log out" }).click();
  await page.waitForURL(/\/login/);
  await page.goto(`${LOCKED}/`);
  check(page.url().includes("/login"), "logged out: the login comes first again");
  await page.close();
}

// Real money: whose fills, what is open, what differs.
{
  const page = await open(`${FULL}/live-trades`, "real money");
  check((await page.locator("#open tbody tr").count()) === 1 && (await page.locator("#stand li").count()) === 4, "live: what is open, and how it stands");
  check((await page.locator("#trades").innerText()).includes("Live trading is switched off"), "live: why nothing was bought");
  await page.getByRole("link", { name: "Fills" }).click();
  await page.getByLabel("Whose").selectOption("external");
  await page.getByRole("button", { name: "Apply" }).click();
  check((await page.locator("tbody tr").count()) === 2 && (await page.locator("#fills").innerText()).includes("EXTERNAL"), "live: fills of others are told apart");
  check((await page.locator("#fills").innerText()).includes("<img src=x onerror=alert(1)> evil title") && (await page.locator("main img").count()) === 0, "live: a title is text");
  await page.goto(`${FULL}/real-portfolio`);
  check((await page.locator("#wallet").innerText()).includes("$912.35") && (await page.locator("#wallet .badge.bad").innerText()).includes("1.5"), "real: dollars and what differs");
  check((await page.locator("#wallet tbody tr .leader").count()) > 2 && (await page.locator("#differs tbody tr").count()) === 3, "real: whose copies, and past differences");
  check((await page.locator("#risk tbody tr").count()) > 2, "real: limits and what of them is used");
  await page.close();
}

// The keyboard reaches everything and shows where it is.
{
  const page = await open(`${FULL}/`, "keyboard");
  await page.keyboard.press("Tab");
  check((await page.evaluate(() => document.activeElement.textContent)) === "Skip to content", "keyboard: the first stop skips the head");
  for (let i = 0; i < 12; i += 1) {
    await page.keyboard.press("Tab");
    const seen = await page.evaluate(() => {
      const style = getComputedStyle(document.activeElement);
      return { what: document.activeElement.outerHTML.slice(0, 80), shown: style.outlineStyle !== "none" && parseFloat(style.outlineWidth) >= 2 };
    });
    check(seen.shown, `keyboard: the focus is not seen on ${seen.what}`);
  }
  await page.close();
}

// The distribution follows the choice of a stage.
{
  const page = await open(`${FULL}/latency`, "stages");
  await page.locator("#stage").selectOption("decide");
  check((await page.locator("#distribution-words").innerText()).startsWith("20,000 times"), "stages: the words follow the choice");
  check((await page.locator(".stages tbody tr").first().innerText()).includes("ms"), "stages: units");
  await page.close();
}

// A new signal appears by itself, and the focus stays where it was.
const page = await open(`${FULL}/paper-trades`, "live");
const overview = await open(`${FULL}/`, "live overview", { allow: (text) => text.includes("ERR_CONNECTION_REFUSED") || text.includes("ERR_INCOMPLETE_CHUNKED") || text.includes("ERR_EMPTY_RESPONSE") });
await page.evaluate(() => { window.unchanged = true; });
const link = page.locator('a[href="/signals/139"]').first();
await link.focus();
await ask("a new signal");
await page.locator('a[href="/signals/141"]').first().waitFor({ timeout: 10000 }).catch(() => check(false, "live: the new signal did not appear"));
check(await page.evaluate(() => window.unchanged === true), "live: without a reload");
check((await page.evaluate(() => document.activeElement.getAttribute("href"))) === "/signals/139", "live: the focus stays");
await overview.locator('a[href="/signals/141"]').first().waitFor({ timeout: 10000 }).catch(() => check(false, "live: the overview, too"));

// A breaker trips, and is reset.
await ask("trip a breaker");
await page.locator("#level", { hasText: "Degraded" }).waitFor({ timeout: 10000 }).catch(() => check(false, "breaker: the header says so"));
await overview.locator("#status", { hasText: "daily loss: too much was lost today" }).waitFor({ timeout: 10000 }).catch(() => check(false, "breaker: the overview says which"));
check((await overview.locator("#notes").innerText()).includes("A breaker tripped"), "breaker: it is among the notes");
await shoot(overview, "tripped");
await ask("reset the breaker");
await page.locator("#level", { hasText: "Healthy" }).waitFor({ timeout: 10000 }).catch(() => check(false, "breaker: healthy again"));

// The writer loses Postgres, then the pages do, then the server goes.
await ask("stop the writer");
await page.locator("#level", { hasText: "Degraded" }).waitFor({ timeout: 10000 }).catch(() => check(false, "degraded: the header says so"));
await ask("stop Postgres");
await overview.locator("#banners .banner.warn", { hasText: "Postgres cannot be read" }).waitFor({ timeout: 15000 }).catch(() => check(false, "stopped: no banner on an open page"));
check((await overview.locator(".worth .big").count()) >= 2, "stopped: money is still shown from the snapshot");
check((await overview.locator("#status dl").innerText()).match(/not known/g)?.length === 3, "stopped: what is not known is not called none");
await accessible(overview, "stopped");
// These are the process's own: nothing of them is missing.
const OWN = ["latency", "setup", "api", "strategies", "config"];
await each(PAGES, async (name, path) => {
  const cold = await open(FULL + path, `stopped-${name}`, { viewport: PHONE, allow: (text) => text.includes("503") });
  const banners = await cold.locator("#banners").innerText();
  check(banners.includes("Postgres cannot be read") !== OWN.includes(name), `stopped-${name}: the banner says: ${banners}`);
  check((await cold.locator("#level").innerText()) === "Degraded", `stopped-${name}: the header says so`);
  await fits(cold, `stopped-${name}`);
  await cold.close();
});
await page.close();
await ask("stop the server");
await overview.locator("#lost").waitFor({ state: "visible", timeout: 10000 }).catch(() => check(false, "lost: no banner when the server is gone"));
await shoot(overview, "lost");

await browser.close();
console.log(faults === 0 ? "all pages are well" : `${faults} faults`);
process.exit(faults === 0 ? 0 : 1);
