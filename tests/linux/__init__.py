"""Every release of Linux from the oldest whose rules are known to the newest."""

LAST_MINOR = {3: 19, 4: 20, 5: 19, 6: 18}  # 6.19 came, but its rules are not known
RELEASES = [f"{major}.{minor}" for major, last in LAST_MINOR.items() for minor in range(last + 1)][10:]


def before(release: str) -> str:
    """The release before one: 6.9 -> 6.8, 5.0 -> 4.20."""
    return RELEASES[RELEASES.index(release) - 1]
