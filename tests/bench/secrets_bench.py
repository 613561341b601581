"""Recall and false alarms of the secret scanner beside detect-secrets' named detectors, on the same generated files.

python tests/bench/secrets_bench.py [SEED]   prints the table; detect-secrets is a development dependency.
"""

import base64
import random
import string
import sys
import time
from collections.abc import Callable
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "app"))

from turnout.routing.secrets import SecretScanner  # noqa: E402

UPPER, LOWER, DIGITS = string.ascii_uppercase, string.ascii_lowercase, string.digits
ALNUM, HEX, BASE = UPPER + LOWER + DIGITS, "0123456789abcdef", UPPER + LOWER + DIGITS + "-_"


def keys(source: random.Random) -> dict[str, Callable[[], str]]:
    """A maker of one key for each published format; made up, of the right shape."""

    def some(signs: str, size: int) -> str:
        return "".join(source.choices(signs, k=size))

    def b64(size: int) -> str:
        return base64.b64encode(source.randbytes(size)).decode()

    def url64(size: int) -> str:
        return base64.urlsafe_b64encode(source.randbytes(size)).decode().rstrip("=")

    def claims() -> str:
        body = f'{{"sub":"{some(DIGITS, 9)}","name":"{some(LOWER, 7)}"}}'
        return base64.urlsafe_b64encode(body.encode()).decode().rstrip("=")

    return {
        "aws access key": lambda: "AKIA" + some(UPPER + "234567", 16),
        "aws secret key": lambda: f'aws_secret_access_key = "{b64(30)}"',
        "github token": lambda: source.choice(("ghp_", "gho_", "ghu_", "ghs_", "ghr_")) + some(ALNUM, 36),
        "github fine-grained": lambda: f"github_pat_{some(ALNUM, 22)}_{some(ALNUM, 59)}",
        "gitlab": lambda: "glpat-" + some(BASE, 20),
        "slack token": lambda: f"xoxb-{some(DIGITS, 12)}-{some(DIGITS, 12)}-{some(ALNUM, 24)}",
        "slack webhook": lambda: (
            f"https://hooks.slack.com/services/T{some(UPPER, 8)}/B{some(UPPER, 8)}/{some(ALNUM, 24)}"
        ),
        "stripe": lambda: "sk_live_" + some(ALNUM, 24),
        "google api key": lambda: "AIza" + some(BASE, 35),
        "google oauth": lambda: "GOCSPX-" + some(BASE, 28),
        "service account": lambda: f'"private_key_id": "{some(HEX, 40)}"',
        "azure storage": lambda: f"AccountName=x;AccountKey={b64(64)};EndpointSuffix=core.windows.net",
        "azure client secret": lambda: f"{some(ALNUM, 3)}8Q~{some(ALNUM + '_~.-', 34)}",
        "openai": lambda: f"sk-{some(ALNUM, 20)}T3BlbkFJ{some(ALNUM, 20)}",
        "openai project": lambda: "sk-proj-" + some(BASE, 120),
        "anthropic": lambda: "sk-ant-api03-" + some(BASE, 93) + "AA",
        "hugging face": lambda: "hf_" + some(UPPER + LOWER, 34),
        "npm": lambda: "npm_" + some(ALNUM, 36),
        "pypi": lambda: "pypi-AgEIcHlwaS5vcmc" + some(BASE, 140),
        "sendgrid": lambda: f"SG.{some(BASE, 22)}.{some(BASE, 43)}",
        "twilio": lambda: "SK" + some(HEX, 32),
        "mailgun": lambda: "key-" + some(HEX, 32),
        "mailchimp": lambda: some(HEX, 32) + "-us" + some("123456789", 1),
        "square": lambda: "sq0csp-" + some(BASE, 43),
        "shopify": lambda: "shpat_" + some(HEX, 32),
        "digitalocean": lambda: "dop_v1_" + some(HEX, 64),
        "heroku": lambda: f"HEROKU_API_KEY={some(HEX, 8)}-{some(HEX, 4)}-{some(HEX, 4)}-{some(HEX, 4)}-{some(HEX, 12)}",
        "cloudflare": lambda: f'CLOUDFLARE_API_TOKEN="{some(BASE, 40)}"',
        "databricks": lambda: "dapi" + some(HEX, 32),
        "datadog": lambda: f"DD_API_KEY={some(HEX, 32)}",
        "new relic": lambda: "NRAK-" + some(UPPER + DIGITS, 27),
        "telegram": lambda: f"{some('123456789', 9)}:AA{some(BASE, 33)}",
        "discord": lambda: f"M{some(BASE, 23)}.{some(BASE, 6)}.{some(BASE, 27)}",
        "discord webhook": lambda: f"https://discord.com/api/webhooks/{some('123456789', 18)}/{some(BASE, 68)}",
        "atlassian": lambda: "ATATT3xFfGF0" + some(BASE, 180),
        "linear": lambda: "lin_api_" + some(ALNUM, 40),
        "notion": lambda: "ntn_" + some(ALNUM, 46),
        "doppler": lambda: "dp.pt." + some(ALNUM, 43),
        "vault": lambda: "hvs." + some(BASE, 90),
        "age": lambda: "AGE-SECRET-KEY-1" + some("QPZRY9X8GF2TVDW0S3JN54KHCE6MUA7L", 58),
        "private key": lambda: f"-----BEGIN RSA PRIVATE KEY-----\n{b64(48)}\n{b64(48)}\n-----END RSA PRIVATE KEY-----",
        "jwt": lambda: f"eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.{claims()}.{url64(32)}",
        "url password": lambda: f"https://deploy:{some(ALNUM, 14)}@git.internal/x.git",
        "database url": lambda: f"postgresql://app:{some(ALNUM, 12)}@db.internal:5432/app",
        "odbc": lambda: f"Server=db;Database=app;User Id=sa;Password={some(ALNUM, 12)};",
        "kubeconfig": lambda: f"    client-key-data: {b64(120)}",
        "artifactory": lambda: "AKCp" + some(ALNUM, 69),
        "ibm cloud": lambda: f'ibm_cloud_iam_api_key = "{some(BASE, 44)}"',
        "cloudant": lambda: f'cloudant_password = "{some(HEX, 64)}"',
        "password assignment": lambda: f'password = "{some(ALNUM, 9)}{some("!@#%^&*", 1)}{some(ALNUM, 4)}"',
        "api key assignment": lambda: f"api_key: {some(ALNUM, 32)}",
        "env file": lambda: f"DB_PASSWORD={some(ALNUM, 14)}",
    }


def innocent(source: random.Random) -> dict[str, Callable[[], str]]:
    """Lines that look a little like secrets and are none."""

    def some(signs: str, size: int) -> str:
        return "".join(source.choices(signs, k=size))

    return {
        "git hash": lambda: "commit " + some(HEX, 40),
        "sha256": lambda: f"sha256:{some(HEX, 64)}",
        "uuid": lambda: f'"id": "{some(HEX, 8)}-{some(HEX, 4)}-{some(HEX, 4)}-{some(HEX, 4)}-{some(HEX, 12)}"',
        "integrity": lambda: f'"integrity": "sha512-{base64.b64encode(source.randbytes(64)).decode()}"',
        "env read": lambda: 'api_key = os.environ["OPENAI_API_KEY"]',
        "js env": lambda: "const token = process.env.GITHUB_TOKEN;",
        "call": lambda: "access_token = client.fetch_token(code)",
        "typed": lambda: "def login(password: str, token: str | None = None) -> bool:",
        "attribute": lambda: "self.token = config.token2",
        "placeholder": lambda: f"ghp_{'x' * 36}",
        "placeholder assign": lambda: 'password = "<your-password>"',
        "template": lambda: "url: postgres://user:${DB_PASSWORD}@localhost/app",
        "prose": lambda: "Use a strong password: at least twelve characters, and never share the token.",
        "tokens count": lambda: f"tokens: {some(DIGITS, 5)}, max_tokens={some(DIGITS, 4)}",
        "image": lambda: f"data:image/png;base64,{base64.b64encode(source.randbytes(90)).decode()}",
        "css": lambda: f"--token-color-primary: #{some(HEX, 6)};",
        "url": lambda: f"https://example.org/{some(LOWER, 8)}?page={some(DIGITS, 2)}&token_type=bearer",
        "version": lambda: f"secret-service-{some(DIGITS, 1)}.{some(DIGITS, 2)}.{some(DIGITS, 1)}",
        "log": lambda: (
            f"2026-03-0{some('123456789', 1)}T10:00:00Z INFO auth token refreshed for user {some(DIGITS, 5)}"
        ),
        "test id": lambda: f"sk-button-{some(LOWER, 6)}",
        "type": lambda: "interface Auth { apiKey: string; clientSecret?: string }",
        "lock": lambda: f"password_hasher==1.{some(DIGITS, 1)}.{some(DIGITS, 1)} --hash=sha256:{some(HEX, 64)}",
        "enum": lambda: 'PASSWORD_FIELD = "password_field_2"',
        "sql": lambda: "SELECT token_id, secret_name FROM api_keys WHERE id = 42",
    }


def peer() -> Callable[[str], bool]:
    """detect-secrets with its named detectors (the two entropy plugins are not named formats)."""
    from detect_secrets.core.scan import scan_line
    from detect_secrets.settings import default_settings, get_settings

    def found(text: str) -> bool:
        with default_settings():
            get_settings().disable_plugins("Base64HighEntropyString", "HexHighEntropyString")
            return any(next(iter(scan_line(line)), None) is not None for line in text.splitlines())

    return found


def rows(seed: int, each: int = 20) -> list[tuple[bool, str, str]]:
    """(is a secret, kind, text)."""
    source = random.Random(seed)
    made = [(True, kind, one()) for kind, one in keys(source).items() for _ in range(each)]
    return made + [(False, kind, one()) for kind, one in innocent(source).items() for _ in range(each)]


def main() -> None:
    seed = int(sys.argv[1]) if len(sys.argv) > 1 else 1
    scanner, theirs = SecretScanner(), peer()
    table: dict[tuple[bool, str], list[int]] = {}
    for secret, kind, text in rows(seed):
        tally = table.setdefault((secret, kind), [0, 0, 0])
        tally[0] += 1
        tally[1] += scanner.scan([f"some words before\n{text}\nand after"]).found
        tally[2] += theirs(text)
    print(f"{'kind':24} {'n':>4} {'turnout':>8} {'detect-secrets':>15}")
    for secret in (True, False):
        print("-- recall" if secret else "-- false alarms")
        mine = [row for (kind_of, _), row in table.items() if kind_of is secret]
        for (kind_of, kind), (n, ours, other) in table.items():
            if kind_of is secret:
                print(f"{kind:24} {n:4} {ours / n:8.2f} {other / n:15.2f}")
        n, ours, other = (sum(row[at] for row in mine) for at in range(3))
        print(f"{'all':24} {n:4} {ours / n:8.3f} {other / n:15.3f}")
    text = ("def load(path):\n    return json.loads(path.read_text())  # the token is not here\n" * 3_000)[:200_000]
    times = []
    for _ in range(15):
        start = time.perf_counter()
        scanner.scan([text])
        times.append(time.perf_counter() - start)
    print(f"200 KB of code: {sorted(times)[7] * 1e3:.1f} ms")


if __name__ == "__main__":
    main()
