"""The coins of the seeded market: what exists, since when, and about what it costs.

Names, identifiers and listing months follow the public record loosely; prices are only the level around which a seeded walk moves.
Each line: base, CoinGecko id, reference price in USD, circulating supply in millions, first trading day, and optional marks:
`until=DATE` delisted, `quiet=F` share of minutes without a trade,
`stable`, `wrapped=ID` of what it follows, `unlisted` (known to CoinGecko only).
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

_TABLE = """
BTC bitcoin 68000 19.8 2017-08-17
ETH ethereum 2900 120.4 2017-08-17
USDT tether 1 119000 2017-08-17 stable unlisted
BNB binancecoin 560 145.9 2017-11-06
SOL solana 145 468 2020-08-11
USDC usd-coin 1 34800 2018-12-15 stable
XRP ripple 0.58 56500 2018-05-04
STETH staked-ether 2895 9.7 2020-12-20 wrapped=ethereum unlisted
DOGE dogecoin 0.12 146000 2019-07-05
TON the-open-network 5.2 2530 2024-08-08
TRX tron 0.15 86800 2018-06-11
ADA cardano 0.36 35600 2018-04-17
WSTETH wrapped-steth 3400 3.1 2021-02-10 wrapped=ethereum unlisted
AVAX avalanche-2 26 406 2020-09-22
WBTC wrapped-bitcoin 67900 0.152 2019-02-01 wrapped=bitcoin
SHIB shiba-inu 0.0000182 589000000 2021-05-10
WETH weth 2900 3.0 2018-02-01 wrapped=ethereum unlisted
LINK chainlink 11.3 608 2019-01-16
BCH bitcoin-cash 345 19.8 2019-11-28
DOT polkadot 4.3 1430 2020-08-18
DAI dai 1 5360 2019-11-18 stable unlisted
LEO leo-token 5.8 926 2019-05-21 unlisted
LTC litecoin 68 75 2017-12-13
NEAR near 4.6 1130 2020-10-14
UNI uniswap 7.4 600 2020-09-17
SUI sui 1.75 2760 2023-05-03
PEPE pepe 0.0000091 420690000 2023-05-05
APT aptos 8.6 510 2022-10-19
KAS kaspa 0.15 24900 2021-11-11 unlisted
XMR monero 158 18.4 2019-03-15 until=2024-02-20
ICP internet-computer 8.1 471 2021-05-10
ETC ethereum-classic 19 149 2018-06-12
FET fetch-ai 1.35 2520 2019-03-02
XLM stellar 0.094 29700 2018-05-31
POL polygon-ecosystem-token 0.38 7900 2024-09-13
STX blockstack 1.75 1490 2019-10-25
FDUSD first-digital-usd 1 2700 2023-07-26 stable
FIL filecoin 3.7 592 2020-10-15
IMX immutable-x 1.4 1630 2021-12-29
RENDER render-token 5.3 517 2024-07-26
AAVE aave 142 14.9 2020-10-15
ARB arbitrum 0.55 3700 2023-03-23
OP optimism 1.62 1200 2022-06-01
INJ injective-protocol 20 97 2020-10-21
HBAR hedera-hashgraph 0.053 37400 2019-09-29
VET vechain 0.023 81000 2018-07-25
ATOM cosmos 4.5 391 2019-04-29
GRT the-graph 0.162 9550 2020-12-17
RUNE thorchain 4.9 336 2020-09-04
TIA celestia 5.1 217 2023-10-31
SEI sei-network 0.4 3650 2023-08-15
WIF dogwifcoin 2.2 999 2024-03-05
BONK bonk 0.0000221 70000000 2023-12-15
FLOKI floki 0.000138 9600000 2023-05-06
MKR maker 1500 0.93 2020-07-20
THETA theta-token 1.31 1000 2018-12-10
FTM fantom 0.62 2800 2019-06-11 until=2025-01-13
LDO lido-dao 1.08 895 2022-05-10
ALGO algorand 0.131 8300 2019-06-22
JUP jupiter-exchange-solana 0.81 1350 2024-01-31
ONDO ondo-finance 0.71 1440 2024-12-01
ENA ethena 0.36 2700 2024-04-02
AR arweave 20.5 65.6 2021-05-14
GALA gala 0.0213 38000 2021-09-13
FLOW flow 0.55 1530 2021-07-30
EOS eos 0.5 1510 2018-05-28 until=2025-05-25
XTZ tezos 0.69 1000 2019-09-24
QNT quant-network 71 14.5 2021-07-29
NEO neo 10.2 70.5 2017-11-20
SAND the-sandbox 0.26 2400 2020-08-14
AXS axie-infinity 4.9 152 2020-11-04
MANA decentraland 0.29 1900 2020-08-06
EGLD elrond-erd-2 27 27 2020-09-04
PYTH pyth-network 0.34 3600 2024-02-02
STRK starknet-token 0.39 1900 2024-02-20
DYDX dydx-chain 1.02 640 2021-09-09
CHZ chiliz 0.063 9000 2019-05-03
CRV curve-dao-token 0.28 1250 2020-08-14
SNX havven 1.52 328 2020-07-08
COMP compound-governance-token 44 8.7 2020-06-25
ZEC zcash 36 16.3 2019-03-21
IOTA iota 0.126 3400 2018-05-31
KAVA kava 0.33 1080 2019-10-25
MINA mina-protocol 0.49 1150 2021-08-10
WLD worldcoin-wld 1.63 540 2023-07-24
ENS ethereum-name-service 17.4 33 2021-11-10
ROSE oasis-network 0.067 6700 2020-11-19
1INCH 1inch 0.26 1260 2020-12-25
ZIL zilliqa 0.0138 18700 2018-07-12
BLUR blur 0.21 1900 2023-11-24
CAKE pancakeswap-token 1.83 283 2021-02-19
WOO woo-network 0.174 1850 2021-06-11
GMX gmx 23 9.6 2022-10-05
DASH dash 25 12 2019-03-28
ENJ enjincoin 0.15 1770 2019-06-28
BAT basic-attention-token 0.17 1490 2019-03-04
ZRX 0x 0.32 847 2019-02-27
CELO celo 0.58 550 2021-01-05
QTUM qtum 2.3 105 2018-06-12
ONE harmony 0.0128 14200 2019-06-01
ANKR ankr 0.0248 10000 2019-07-08
MASK mask-network 2.4 100 2021-02-25
RVN ravencoin 0.0167 14200 2020-02-14
SKL skale 0.036 5700 2020-12-01
SUSHI sushi 0.65 275 2020-09-01
YFI yearn-finance 4900 0.0335 2020-08-10
LRC loopring 0.125 1250 2020-04-07
GLM golem 0.31 1000 2022-11-14
STORJ storj 0.38 143 2020-04-23
BAND band-protocol 1.04 147 2019-09-18
ICX icon 0.128 1010 2018-11-07
ONT ontology 0.177 900 2018-11-30
SXP swipe 0.215 620 2020-07-31
COTI coti 0.089 1700 2020-02-07
HOT holotoken 0.00157 177000 2018-12-06
CHR chromaway 0.201 820 2020-04-13
API3 api3 1.42 112 2022-01-21
CTSI cartesi 0.12 840 2020-04-23 quiet=0.004
NMR numeraire 14.2 7.2 2021-02-17 quiet=0.01
DENT dent 0.00081 100000 2019-05-24 quiet=0.01
WAN wanchain 0.165 198 2019-07-26 quiet=0.02
WAVES waves 1.04 115 2019-01-18 until=2024-06-17
OMG omisego 0.28 140 2018-12-12 until=2024-06-17
BTG bitcoin-gold 22 17.5 2020-04-02 until=2024-12-10
XEM nem 0.018 9000 2019-04-24 until=2024-06-17
"""
_NAMES = {
    "binancecoin": "BNB",
    "avalanche-2": "Avalanche",
    "ripple": "XRP",
    "havven": "Synthetix Network",
    "1inch": "1inch",
    "0x": "0x Protocol",
}
_STAND_INS = 180


@dataclass(frozen=True, slots=True)
class Coin:
    """One coin: `price` in USD is the level of its walk, `supply` the units in circulation."""

    base: str
    id: str
    price: float
    supply: float
    start: date
    end: date | None = None
    quiet: float = 0.0
    is_stable: bool = False
    wraps: str | None = None
    is_listed: bool = True

    @property
    def walks_with(self) -> str:
        """The asset whose walk this one follows: itself, or what it wraps."""
        return self.wraps or self.id

    @property
    def name(self) -> str:
        """The name for people."""
        return _NAMES.get(self.id) or self.id.replace("-", " ").title()


def coins() -> dict[str, Coin]:
    """Every coin by CoinGecko id: the table above, then a tail of small, unlisted stand-ins so that listings have pages.

    Two of the tail carry the symbol of a large coin, because symbols are not unique and only the id is.
    """
    found = {coin.id: coin for coin in map(_coin, _TABLE.strip().splitlines())}
    for rank in range(1, _STAND_INS + 1):
        symbol = {1: "BTC", 2: "UNI"}.get(rank, f"SC{rank:03d}")
        price = 4.0 / rank
        found[f"sand-coin-{rank:03d}"] = Coin(symbol, f"sand-coin-{rank:03d}", price, 9e6, date(2021, 1, 1), is_listed=False)
    return found


def _coin(line: str) -> Coin:
    base, identifier, price, supply, start, *marks = line.split()
    facts = dict(mark.split("=") for mark in marks if "=" in mark)
    until = facts.get("until")
    return Coin(
        base,
        identifier,
        float(price),
        float(supply) * 1e6,
        date.fromisoformat(start),
        None if until is None else date.fromisoformat(until),
        float(facts.get("quiet", 0)),
        "stable" in marks,
        facts.get("wrapped"),
        "unlisted" not in marks,
    )
