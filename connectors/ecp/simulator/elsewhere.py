"""Addresses a hostile or broken region sends its clients to, by redirect or by a «next» link."""

from __future__ import annotations

from collections.abc import Callable, Mapping

# Each takes host:port of this server and the path asked for with its query.
TARGETS: dict[str, Callable[[str, str], str]] = {
    "same_address": lambda _here, path: path,
    "same_origin": lambda here, path: f"http://{here}{path}",
    "other_path": lambda here, _path: f"http://{here}/simulator/state",
    "other_host": lambda _here, path: f"http://ecp.example.invalid{path}",
    "other_port": lambda here, path: f"http://{here.partition(':')[0]}:9{path}",
    "other_scheme": lambda here, path: f"https://{here}{path}",
    "scheme_relative": lambda _here, path: f"//ecp.example.invalid{path}",
    "user_info": lambda here, path: f"http://{here}@ecp.example.invalid{path}",
    "backslashes": lambda _here, path: rf"http:\\ecp.example.invalid{path}",
    "file": lambda _here, _path: "file:///etc/passwd",
    "link_local": lambda _here, _path: "http://169.254.169.254/latest/meta-data/",
    "link_local_number": lambda _here, _path: "http://2852039166/latest/meta-data/",
    "link_local_v6": lambda _here, _path: "http://[::ffff:169.254.169.254]/latest/meta-data/",
    "private": lambda _here, _path: "http://10.0.0.1/",
    "loopback_name": lambda here, path: f"http://localhost:{here.rpartition(':')[2]}{path}",
    "data": lambda _here, _path: "data:application/json,{}",
    "unreadable": lambda _here, _path: "http://[",
    "empty": lambda _here, _path: "",
}
DEFAULT = "other_host"


def location(params: Mapping[str, object], here: str, path: str) -> str:
    """The address the parameters ask for: ``location`` as it is, else the target ``to``."""
    given = params.get("location")
    return str(given) if given is not None else TARGETS[str(params.get("to", DEFAULT))](here, path)
