"""Peak memory of a backfill of 1-minute bars, over 1, 3 and 6 months of the same pairs, each in a process of its own.

The process runs the whole plan (`tradewinds job run crypto_backfill`); its peak is what the kernel says of it (resident set, maximum).
The archive's server is another process and does not count.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from pathlib import Path

from benchmarks import archive, ingest
from benchmarks import market_data as market

GROWTH_MOST = 1.15


def run(quick: bool = False) -> dict[str, object]:
    """Figures, peers and reaches. quick: 1 and 2 months of 4 pairs."""
    count, months = (4, (1, 2)) if quick else (20, (1, 3, 6))
    with tempfile.TemporaryDirectory(prefix="bench-memory-") as folder:
        root = Path(folder)
        zips = archive.write(root / "archive", count, max(months))
        zip_mb = round(sum(path.stat().st_size for path in zips) / 2**20, 1)
        with archive.served(root / "archive") as url:
            peaks = {number: _peak_mb(root / f"home{number}", url, count, number) for number in months}
            start = _peak_mb(root / "start", url, 1, 0)
    return {
        "figures": {f"peak_mb_of_{number}_months": peak for number, peak in peaks.items()}
        | {"peak_mb_before_the_first_file": start, "zip_mb_in_all": zip_mb},
        "peers": {},
        "reach": {"largest_to_smallest_peak": market.reach(max(peaks.values()) / min(peaks.values()), GROWTH_MOST)},
        "machine": market.machine(),
        "how": {"pairs": count, "months": list(months)},
    }


def backfill(home: Path, url: str, count: int, months: int) -> dict[str, float]:
    """Run the plan of so many months in this process: rows published, and its peak in MB."""
    house = ingest.house_of(home, url, count)
    shards = ingest.shards(house, months) if months else []
    rows = sum(ingest.run_shard(house, params) for params in shards)
    house.close()
    return {"rows": rows, "peak_mb": round(_own_peak_mb(), 1)}


def _own_peak_mb() -> float:
    """The most memory this process ever held. On Linux `ru_maxrss` would also remember the process that started it."""
    status = Path("/proc/self/status")
    if status.is_file():
        line = next(line for line in status.read_text().splitlines() if line.startswith("VmHWM:"))
        return int(line.split()[1]) / 2**10
    import resource

    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20


def _peak_mb(home: Path, url: str, count: int, months: int) -> float:
    command = [sys.executable, "-m", "benchmarks.memory", str(home), url, str(count), str(months)]
    done = subprocess.run(command, check=True, capture_output=True, text=True, cwd=archive.ROOT)
    found = json.loads(done.stdout.splitlines()[-1])
    expected = count * market.months()[months - 1][2] if months else 0
    if found["rows"] != expected:
        raise RuntimeError(f"backfill of {count} pairs and {months} months: {found['rows']} rows, expected {expected}")
    return float(found["peak_mb"])


if __name__ == "__main__":
    if len(sys.argv) == 5:
        print(json.dumps(backfill(Path(sys.argv[1]), sys.argv[2], int(sys.argv[3]), int(sys.argv[4]))))
    else:
        print(json.dumps(run()))
