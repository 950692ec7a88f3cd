"""An environment of Gymnasium's over the platform's own kernel: an agent trades bars with real order rules, costs and margin.

    pip install 'tradewinds[rl]'

    env = TradingEnv(market, Setup(Account(100_000.0, leverage=2.0), (BasisPoints(5),)))
    seen, _ = env.reset(seed=7)
    seen, reward, is_ended, is_cut, told = env.step(env.action_space.sample())

Seen: the last `window` returns of each instrument, then the weights that are held. Action: weights wanted, in [-1, 1], shared so that they
add up to at most `gross`. They are decided at a bar's close and filled at the next bar's open, as in every backtest. Reward: the change of
the logarithm of equity. An episode begins at a bar that the seed draws, and ends after `episode` bars (cut) or when equity is below
`ruin` of the capital (ended).
"""

import math
from typing import ClassVar

import gymnasium
import numpy as np
from gymnasium import spaces

from tradewinds.core.errors import Rejected
from tradewinds.simulation.rules import Setup
from tradewinds.simulation.simulator import Simulator

SEEN_MAX = 10.0


class TradingEnv(gymnasium.Env):
    """See the module. market: `simulation.market.Market`."""

    metadata: ClassVar = {"render_modes": []}

    def __init__(self, market, setup=None, *, window=10, episode=100, gross=1.0, ruin=0.5):
        times, width = market.shape
        if times < window + episode + 2:
            raise Rejected(f"trading environment: {times} bars, expected at least {window + episode + 2}")
        self.market, self.window, self.episode, self.gross, self.ruin = market, window, episode, gross, ruin
        self.simulator = Simulator(market, setup or Setup())
        change = np.diff(np.log(market.close), axis=0, prepend=np.log(market.close[:1]))
        self._returns = np.nan_to_num(change / max(float(np.nanstd(change)), 1e-12))
        self.observation_space = spaces.Box(-SEEN_MAX, SEEN_MAX, ((window + 1) * width,), np.float64)
        self.action_space = spaces.Box(-1.0, 1.0, (width,), np.float64)

    def reset(self, *, seed=None, options=None):
        """Begin an episode at a bar that the seed draws."""
        super().reset(seed=seed)
        first = int(self.np_random.integers(self.window, self.market.shape[0] - self.episode - 1))
        self._until = first + self.episode
        self.simulator.reset()
        self.simulator.run(np.full(self.market.shape, np.nan), first - 1, first)  # the account opens at this close
        self._equity = self.simulator.equity_now
        return self._seen(), self._told()

    def step(self, action):
        """Ask for weights at this close, and see the next."""
        wanted = np.clip(np.nan_to_num(np.asarray(action, np.float64)), -1.0, 1.0)
        wanted *= self.gross / max(float(np.abs(wanted).sum()), 1.0)
        for instrument, weight in enumerate(wanted.tolist()):
            self.simulator.target(instrument, weight, "weights")
        self.simulator.advance(self.simulator.row + 1)
        before, self._equity = self._equity, self.simulator.equity_now
        is_ended = not self._equity > self.ruin * self.simulator.setup.account.capital
        reward = math.log(self._equity / before) if self._equity > 0 else -SEEN_MAX
        return self._seen(), reward, is_ended, self.simulator.row >= self._until, self._told()

    def _seen(self):
        row = self.simulator.row
        held = np.array([self.simulator.quantity(one) * self.simulator.last_price(one) for one in range(self.market.shape[1])])
        seen = np.concatenate([self._returns[row - self.window : row].ravel(), np.nan_to_num(held / max(self._equity, 1e-9))])
        return np.clip(seen, -SEEN_MAX, SEEN_MAX)

    def _told(self):
        return {"equity": self._equity, "row": self.simulator.row, "fills": self.simulator.fill_count}
