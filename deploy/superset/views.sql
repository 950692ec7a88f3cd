-- What dashboards read of the ledger in PostgreSQL: views in a schema of their own, with times as timestamps in UTC and a run's name in every row.
-- As the ledger's owner, once, and again after each upgrade (an older schema goes first, since a view holds the columns that it reads):
--     psql <the ledger's address> -v ON_ERROR_STOP=1 -f deploy/superset/views.sql
BEGIN;
DROP SCHEMA IF EXISTS dashboards CASCADE;
CREATE SCHEMA dashboards;

CREATE FUNCTION dashboards.at(ns bigint) RETURNS timestamp LANGUAGE sql IMMUTABLE STRICT
    RETURN timestamp '1970-01-01' + (ns / 1000) * interval '1 microsecond';

-- Runs by a name that sorts by number: "00042 momentum".
CREATE VIEW dashboards.backtest AS
SELECT
    lpad(id::text, 5, '0') || ' ' || strategy AS run, id AS run_id, strategy, state, error, interval, currency, trades,
    dashboards.at(from_ns) AS from_at, dashboards.at(to_ns) AS to_at, dashboards.at(started_ns) AS started_at,
    capital, final, total_return, annual_return, cagr, volatility, sharpe, sortino, calmar, omega, max_drawdown, sharpe_probability,
    strike_rate, profit_factor, expectancy, sqn, time_in_market, turnover, commission, slippage, is_point_in_time, fingerprint
FROM public.backtest_run;

-- One row a figure, for a table of one run; shares as percent.
CREATE VIEW dashboards.figure AS
SELECT run.run, run.run_id, run.strategy, one.place, one.kind, one.figure, one.value
FROM dashboards.backtest AS run
CROSS JOIN LATERAL (VALUES
    (1, 'performance', 'return, %', 100 * total_return), (2, 'performance', 'a year (CAGR), %', 100 * cagr),
    (3, 'performance', 'volatility a year, %', 100 * volatility), (4, 'performance', 'deepest drawdown, %', 100 * max_drawdown),
    (5, 'performance', 'Sharpe', sharpe), (6, 'performance', 'chance Sharpe > 0, %', 100 * sharpe_probability),
    (7, 'performance', 'Sortino', sortino), (8, 'performance', 'Calmar', calmar), (9, 'performance', 'Omega', omega),
    (10, 'trades', 'round trips', trades::double precision), (11, 'trades', 'won, %', 100 * strike_rate),
    (12, 'trades', 'profit factor', profit_factor), (13, 'trades', 'expectancy a trip', expectancy), (14, 'trades', 'SQN', sqn),
    (15, 'trades', 'in the market, %', 100 * time_in_market), (16, 'trades', 'turnover', turnover),
    (17, 'trades', 'commission', commission), (18, 'trades', 'slippage', slippage)
) AS one (place, kind, figure, value)
WHERE run.state = 'done';

-- One row a round trip. What is still open is marked at the run's last close and stands at its end.
CREATE VIEW dashboards.round_trip AS
SELECT
    run.run, run.run_id, run.strategy, trip.number, trip.instrument,
    coalesce(known.symbol, regexp_replace(trip.instrument, '\.[^.]*$', '')) AS security, trip.side, trip.is_open, known.kind, known.sector,
    dashboards.at(trip.entry_ns) AS entry_at, coalesce(dashboards.at(trip.exit_ns), run.to_at) AS exit_at,
    trip.bars, trip.quantity, trip.entry_price, trip.exit_price, trip.gross, trip.commission, trip.slippage, trip.net,
    abs(trip.net) AS net_size, 100 * trip.fraction AS return_percent, 100 * trip.mfe AS best_percent, 100 * trip.mae AS worst_percent
FROM public.backtest_round_trip AS trip
JOIN dashboards.backtest AS run ON run.run_id = trip.run
LEFT JOIN public.instrument AS known ON known.id = trip.instrument;

-- Profit of each instrument at each session's end, summed from the run's first session. What is still open counts in the last session.
CREATE VIEW dashboards.profit AS
WITH session AS (
    SELECT DISTINCT run, day FROM public.backtest_performance
), closed AS (
    SELECT trip.run, trip.instrument, least(coalesce(dashboards.at(trip.exit_ns)::date, last.day), last.day) AS day, sum(trip.net) AS net
    FROM public.backtest_round_trip AS trip
    JOIN (SELECT run, max(day) AS day FROM session GROUP BY run) AS last ON last.run = trip.run
    GROUP BY 1, 2, 3
)
SELECT
    run.run, run.run_id, run.strategy, traded.instrument, session.day,
    sum(coalesce(closed.net, 0)) OVER (PARTITION BY run.run_id, traded.instrument ORDER BY session.day) AS cumulative_net
FROM dashboards.backtest AS run
JOIN (SELECT DISTINCT run, instrument FROM closed) AS traded ON traded.run = run.run_id
JOIN session ON session.run = run.run_id
LEFT JOIN closed ON closed.run = run.run_id AND closed.instrument = traded.instrument AND closed.day = session.day;

-- Equity and exposure of a run at each session's end.
CREATE VIEW dashboards.performance AS
SELECT
    run.run, run.run_id, run.strategy, one.day, dashboards.at(one.at_ns) AS at, one.equity,
    100 * one.period_return AS return_percent, 100 * one.drawdown AS drawdown_percent,
    100 * one.gross AS gross_percent, 100 * one.net AS net_percent
FROM public.backtest_performance AS one
JOIN dashboards.backtest AS run ON run.run_id = one.run;

-- What is held, with the last price that one of our fills had (not a market price: the ledger keeps none of live trading).
CREATE VIEW dashboards.position AS
SELECT
    held.account, CASE held.strategy WHEN '' THEN 'nobody of ours' ELSE held.strategy END AS strategy, held.instrument,
    CASE WHEN held.quantity >= 0 THEN 'long' ELSE 'short' END AS direction,
    held.quantity, held.average_price, coalesce(known.currency, last.currency) AS currency,
    held.quantity * held.average_price * coalesce(known.multiplier, last.multiplier, 1) AS cost,
    last.price AS last_fill_price, dashboards.at(last.event_ns) AS last_fill_at, dashboards.at(mark.time_ns) AS as_of
FROM public.trade_position AS held
LEFT JOIN public.instrument AS known ON known.id = held.instrument
LEFT JOIN public.trade_projection AS mark ON mark.account = held.account
LEFT JOIN LATERAL (
    SELECT price, event_ns, currency, multiplier FROM public.trade_fill AS fill
    WHERE fill.account = held.account AND fill.instrument = held.instrument ORDER BY event_ns DESC, sequence DESC LIMIT 1
) AS last ON true
WHERE held.quantity <> 0;

-- Every fill of ours, with the state and reason of its order.
CREATE VIEW dashboards.transaction AS
SELECT
    fill.account, fill.strategy, fill.instrument, dashboards.at(fill.event_ns) AS at, fill.side, fill.quantity, fill.price,
    fill.quantity * fill.price * fill.multiplier AS amount,
    CASE fill.side WHEN 'buy' THEN 1 ELSE -1 END * fill.quantity * fill.price * fill.multiplier AS signed_amount,
    fill.currency, fill.commission, fill.commission_currency, fill.venue, fill.id AS fill_id, fill.client_order_id,
    one.kind AS order_kind, one.state AS order_state, one.reason
FROM public.trade_fill AS fill
LEFT JOIN public.trade_order AS one ON one.account = fill.account AND one.client_order_id = fill.client_order_id;

-- A reader sees the views and nothing else; who may log in as one is the server's affair (docs/superset.md).
DO $$ BEGIN
    IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'tradewinds_reader') THEN
        CREATE ROLE tradewinds_reader LOGIN;
        ALTER ROLE tradewinds_reader SET default_transaction_read_only = on;
        ALTER ROLE tradewinds_reader SET statement_timeout = '30s';
    END IF;
END $$;
GRANT USAGE ON SCHEMA dashboards TO tradewinds_reader;
GRANT SELECT ON ALL TABLES IN SCHEMA dashboards TO tradewinds_reader;
COMMIT;
