//! One account in one market, with the prices at which an order surely rests, and surely matches.

use std::time::Duration;

use alloy::signers::local::PrivateKeySigner;
use anyhow::{Context, Result, bail};
use futures::{Stream, StreamExt as _};
use polymarket_client_sdk_v2::auth::Normal;
use polymarket_client_sdk_v2::clob::order_builder::{Limit, Market as AtMarket, OrderBuilder};
use polymarket_client_sdk_v2::clob::types::request::{
    BalanceAllowanceRequest, CancelMarketOrderRequest, OrderBookSummaryRequest, OrdersRequest, TradesRequest,
};
use polymarket_client_sdk_v2::clob::types::response::PostOrderResponse;
use polymarket_client_sdk_v2::clob::types::{
    Amount, AssetType, OrderStatusType, OrderType, Side, TickSize, TradeStatusType, TraderSide,
};
use polymarket_client_sdk_v2::clob::ws::types::response::{OrderMessageType, TradeMessageStatus};
use polymarket_client_sdk_v2::clob::ws::{self, WsMessage};
use polymarket_client_sdk_v2::types::{Decimal, U256, Utc, dec};
use polymarket_client_sdk_v2::ws::config::Config;

use crate::market::Market;
use crate::{Account, expect, expect_refusal};

pub struct Trader<'day> {
    account: &'day Account,
    signer: &'day PrivateKeySigner,
    market: &'day Market,
    token: U256,
    tick: TickSize,
    least: Decimal,
}

impl<'day> Trader<'day> {
    pub async fn of(account: &'day Account, signer: &'day PrivateKeySigner, market: &'day Market) -> Result<Self> {
        let token = market.tokens[0];
        let book = account.order_book(&OrderBookSummaryRequest::builder().token_id(token).build()).await?;
        Ok(Trader { account, signer, market, token, tick: book.tick_size, least: book.min_order_size })
    }

    fn rests(&self) -> Decimal {
        self.tick.as_decimal()
    }

    fn matches(&self) -> Decimal {
        Decimal::ONE - self.tick.as_decimal()
    }

    fn limit(&self, price: Decimal, size: Decimal) -> OrderBuilder<Limit, Normal> {
        let order = self.account.limit_order().side(Side::Buy).price(price).size(size);
        // Position ids are traded on Exchange V3.
        if self.market.generation == "v3" { order.position_id(self.token) } else { order.token_id(self.token) }
    }

    fn at_market(&self, side: Side, amount: Amount) -> OrderBuilder<AtMarket, Normal> {
        let order = self.account.market_order().side(side).amount(amount);
        if self.market.generation == "v3" { order.position_id(self.token) } else { order.token_id(self.token) }
    }

    async fn place(&self, order: OrderBuilder<Limit, Normal>) -> Result<PostOrderResponse> {
        Ok(order.build_sign_and_post(self.signer).await?)
    }

    pub async fn place_resting(&self) -> Result<String> {
        Ok(self.place(self.limit(self.rests(), self.least)).await?.order_id)
    }

    pub async fn rest_and_cancel(&self, who: &str) -> Result<()> {
        let placed = self.place(self.limit(self.rests(), self.least)).await?;
        expect(&format!("{who}: place GTC"), placed.success && placed.status == OrderStatusType::Live, &placed)?;
        let gone = self.account.cancel_order(&placed.order_id).await?;
        let only = gone.canceled == [placed.order_id] && gone.not_canceled.is_empty();
        expect(&format!("{who}: cancel it"), only, &gone)
    }

    pub async fn own_orders(&self) -> Result<()> {
        let placed = self.place_resting().await?;
        let order = self.account.order(&placed).await?;
        let read = order.status == OrderStatusType::Live && order.original_size == self.least;
        expect("read one order", read, &order)?;
        let asked = OrdersRequest::builder().market(self.market.condition).build();
        let page = self.account.orders(&asked, None).await?;
        expect("read open orders", page.data.len() == 1 && page.data[0].id == placed, &page)?;

        let until = chrono::DateTime::from_timestamp(Utc::now().timestamp() + 300, 0).context("a time")?;
        let timed = self.limit(self.rests(), self.least).order_type(OrderType::GTD).expiration(until);
        let timed = self.place(timed).await?.order_id;
        let order = self.account.order(&timed).await?;
        expect("place GTD", order.order_type == OrderType::GTD && order.expiration == until, &order)?;
        let posted = self.place(self.limit(self.rests(), self.least).post_only(true)).await?;
        expect("place post-only", posted.status == OrderStatusType::Live, &posted)?;
        let gone = self.account.cancel_orders(&[&placed, &timed]).await?;
        expect("cancel several", gone.canceled.len() == 2, &gone)?;
        let asked = CancelMarketOrderRequest::builder().market(self.market.condition).build();
        let gone = self.account.cancel_market_orders(&asked).await?;
        expect("cancel a market's orders", gone.canceled == [posted.order_id], &gone)
    }

    pub async fn batch(&self) -> Result<()> {
        let mut orders = Vec::new();
        for size in [self.least, self.least + Decimal::ONE, self.least / dec!(5)] {
            let order = self.limit(self.rests(), size).build().await?;
            orders.push(self.account.sign(self.signer, order).await?);
        }
        let answers = self.account.post_orders(orders).await?;
        let taken: Vec<bool> = answers.iter().map(|one| !one.order_id.is_empty()).collect();
        expect("a batch takes the good ones", taken == [true, true, false], &answers)?;
        let said = answers[2].error_msg.as_deref().unwrap_or_default().contains("lower than the minimum");
        expect("and says what is wrong with the bad one", said, &answers)
    }

    pub async fn buy_and_sell(&self, who: &str) -> Result<()> {
        let bought = self.buy().await?;
        let matched = bought.status == OrderStatusType::Matched && !bought.trade_ids.is_empty();
        expect(&format!("{who}: buy 5 dollars' worth, FAK"), matched, &bought)?;
        expect(&format!("{who}: learn its transaction"), !bought.transaction_hashes.is_empty(), &bought)?;
        let (paid, shares) = (bought.making_amount, bought.taking_amount);
        let better = Decimal::ZERO < paid && paid <= dec!(5) && paid < shares;
        expect(&format!("{who}: at a price below the bound"), better, &bought)?;

        let trade = &bought.trade_ids[0];
        let asked = TradesRequest::builder().id(trade).build();
        let mut rows = self.account.trades(&asked, None).await?.data;
        for _ in 0..50 {
            if rows[0].status == TradeStatusType::Confirmed {
                break;
            }
            tokio::time::sleep(Duration::from_millis(200)).await;
            rows = self.account.trades(&asked, None).await?.data;
        }
        let row = &rows[0];
        let own = row.id == *trade && row.trader_side == TraderSide::Taker && row.taker_order_id == bought.order_id;
        expect(&format!("{who}: read the trade"), own, &rows)?;
        expect(&format!("{who}: the trade is confirmed"), row.status == TradeStatusType::Confirmed, &rows)?;
        let asked = BalanceAllowanceRequest::builder().asset_type(AssetType::Conditional).token_id(self.token).build();
        let held = self.account.balance_allowance(asked).await?;
        expect(&format!("{who}: the shares have arrived"), held.balance >= shares * dec!(1000000), &held)?;

        let sold =
            self.at_market(Side::Sell, Amount::shares(self.least)?).price(self.rests()).order_type(OrderType::FOK);
        let sold = sold.build_sign_and_post(self.signer).await?;
        let whole = sold.status == OrderStatusType::Matched && sold.making_amount == self.least;
        expect(&format!("{who}: sell the least number of shares, FOK"), whole, &sold)
    }

    async fn buy(&self) -> Result<PostOrderResponse> {
        let order = self.at_market(Side::Buy, Amount::usdc(dec!(5))?).price(self.matches()).order_type(OrderType::FAK);
        Ok(order.build_sign_and_post(self.signer).await?)
    }

    pub async fn mistakes(&self) -> Result<()> {
        let off = self.place(self.limit(self.rests() * dec!(1.1), self.least)).await;
        expect_refusal("an off-tick price", "decimal places", off)?;
        // The client looks at the tick size itself; told a finer one, it sends the order.
        self.account.set_tick_size(self.token, TickSize::TenThousandth);
        let off = self.place(self.limit(dec!(0.5) + self.rests() / dec!(10), self.least)).await;
        expect_refusal("an off-tick price that was sent", "breaks minimum tick size rule", off)?;
        self.account.set_tick_size(self.token, self.tick);
        let small = self.place(self.limit(self.rests(), self.least / dec!(5))).await;
        expect_refusal("too small a size", "lower than the minimum", small)?;
        let large = self.place(self.limit(dec!(0.5), dec!(10000000))).await;
        expect_refusal("too large an order", "not enough balance / allowance", large)?;
        let crossing = self.place(self.limit(self.matches(), self.least).post_only(true)).await;
        expect_refusal("a post-only order that crosses", "invalid post-only order: order crosses book", crossing)
    }

    /// Follows the market and the account while orders come and go. `endpoint` is that of the user channel; the client
    /// finds the market channel beside it.
    pub async fn sockets(&self, endpoint: &str) -> Result<()> {
        let client = ws::Client::new(endpoint, Config::default())?
            .authenticate(self.account.credentials().clone(), self.account.address())?;
        let mut books = Box::pin(client.subscribe_orderbook(vec![self.token])?);
        let mut prices = Box::pin(client.subscribe_prices(vec![self.token])?);
        let mut trades = Box::pin(client.subscribe_last_trade_price(vec![self.token])?);
        let mut tops = Box::pin(client.subscribe_best_bid_ask(vec![self.market.tokens[1]])?);
        let mut user = Box::pin(client.subscribe_user_events(Vec::new())?);
        heard(&mut books, "hear the book", |book| book.asset_id == self.token).await?;
        // Nothing says when the user channel has begun to listen.
        tokio::time::sleep(Duration::from_millis(500)).await;

        let placed = self.place_resting().await?;
        self.account.cancel_order(&placed).await?;
        let bought = self.buy().await?;
        for (what, kind) in
            [("placement", OrderMessageType::Placement), ("cancellation", OrderMessageType::Cancellation)]
        {
            let is_it = |event: &WsMessage| matches!(event, WsMessage::Order(order) if order.id == placed && order.msg_type == Some(kind.clone()));
            heard(&mut user, &format!("hear of the order's {what}"), is_it).await?;
        }
        for status in [TradeMessageStatus::Matched, TradeMessageStatus::Mined, TradeMessageStatus::Confirmed] {
            let is_it = |event: &WsMessage| matches!(event, WsMessage::Trade(trade) if trade.id == bought.trade_ids[0] && trade.status == status);
            heard(&mut user, &format!("hear of the trade: {status:?}"), is_it).await?;
        }
        heard(&mut prices, "hear a change of price", |change| !change.price_changes.is_empty()).await?;
        heard(&mut trades, "hear our trade's price", |trade| trade.asset_id == self.token).await?;
        heard(&mut tops, "hear the other token's best bid and ask", |top| top.best_bid < top.best_ask).await
    }
}

/// Listens for the first event that is the one, for fifteen seconds at most.
async fn heard<T, S>(events: &mut S, what: &str, is_it: impl Fn(&T) -> bool) -> Result<()>
where
    S: Stream<Item = polymarket_client_sdk_v2::Result<T>> + Unpin,
{
    let listen = async {
        while let Some(event) = events.next().await {
            if is_it(&event?) {
                return Ok::<bool, anyhow::Error>(true);
            }
        }
        Ok(false)
    };
    match tokio::time::timeout(Duration::from_secs(15), listen).await {
        Ok(found) => expect(what, found?, &"the end of the stream"),
        Err(_) => bail!("FAILED {what}; got nothing in fifteen seconds"),
    }
}
