"""PHP 7.4 to 8.3: every file is parsed by the PHP installed here, and by a parser that refuses what 7.4 lacks.

No test runs on PHP 7.4; the parser stands in for it.
"""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from tests.addon.php_syntax import newer_than_74
from tests.addon.whmcs_request import ADDON, HARNESS

FILES = sorted(ADDON.rglob("*.php"))

NEWER = {
    "match": "$x = match (1) { 1 => 2 };",
    "nullsafe property": "$a?->b;",
    "nullsafe method": "$a?->b();",
    "attribute": "#[Pure] function f() {}",
    "promotion": "class A { function __construct(private int $x) {} }",
    "union": "function f(int|string $a) {}",
    "intersection": "function f(A&B $a) {}",
    "dnf": "function f((A&B)|C $a) {}",
    "enum": "enum A { case B; }",
    "readonly property": "class A { public readonly int $x; }",
    "readonly class": "readonly class A {}",
    "never": "function f(): never {}",
    "callable": "$f = strlen(...);",
    "hook": "class A { public int $x { get => 1; } }",
    "mixed parameter": "function f(mixed $x) {}",
    "mixed return": "function f(): mixed {}",
    "static return": "class A { function f(): static {} }",
    "null": "function f(): null {}",
    "false": "function f(): false {}",
    "true": "function f(): true {}",
    "named argument": "f(a: 1);",
    "throw": "$x = $y ?? throw new E();",
    "trailing comma": "function f($a, $b,) {}",
    "trailing comma of lines": "function f(\n    $a,\n    $b, // why\n) {}",
    "trailing comma in use": "$f = function () use ($a,) {};",
    "trailing comma in fn": "$f = fn($a,) => 1;",
    "catch": "try { f(); } catch (E) {}",
    "new in default": "function f($a = new A()) {}",
    "final constant": "class A { final const X = 1; }",
    "typed constant": "class A { const int X = 1; }",
    "class of object": "$x::class;",
    "dynamic constant": "A::{$x};",
    "octal": "$x = 0o17;",
    "new expression": "new ($x);",
    "instanceof": "$a instanceof ($b);",
    "constant in trait": "trait T { const X = 1; }",
    "pipe": "$x |> f($y);",
    "function": "str_contains('a', 'b');",
    "function of the root": "\\str_starts_with('a', 'b');",
    "class": "new WeakMap();",
    "type of a class": "function f(Stringable $a) {}",
    "no PHP": "function (",
}

OLD_ENOUGH = r"""<?php
namespace A\B;
use C\{D, E};
final class F extends G implements H {
    const X = 'x';
    private ?int $typed = null;
    public static array $all = [];
    public function __construct(?int $a, string ...$more) { $this->typed = $a ?? 1_000; $this->all ??= [...$more]; }
    public function f(iterable $a): ?self { return static::class === self::class ? $this : null; }
    private function g(): void { try { throw new E("a"); } catch (D | E $e) { unset($e); } finally { f(1, 2,); } }
}
$f = static fn(int $a): int => $a ** 2;
$g = function ($a) use (&$f) { yield from [1]; [$x, ['k' => $y]] = $a; return $x <=> $y; };
echo <<<TEXT
    {$f->a['b']}
    TEXT;
abstract class I { abstract protected function h(object $o): bool; }
$o instanceof D; new class(1) extends D { use T; }; print 0777; $x = (int) "1" ?: 2; F::X; new $x; $this->{$name}();
"""


@pytest.mark.parametrize("file", FILES, ids=lambda file: str(file.relative_to(ADDON)))
def test_parsed_for_7_4_not_run_on_it(file: Path) -> None:
    assert newer_than_74(file.read_bytes()) == []


@pytest.mark.parametrize("sample", NEWER.values(), ids=NEWER)
def test_newer_syntax_would_be_found(sample: str) -> None:
    assert newer_than_74(f"<?php\n{sample}\n".encode()) != []


def test_everything_of_7_4_passes() -> None:
    assert newer_than_74(OLD_ENOUGH.encode()) == []


def test_the_php_installed_here_takes_every_file(php: str) -> None:
    assert len(FILES) > 10
    command = [php, "-d", "error_reporting=-1", "-d", "display_errors=stderr", "-l"]
    for file in [*FILES, *sorted(HARNESS.glob("*.php"))]:
        done = subprocess.run([*command, str(file)], capture_output=True, text=True, timeout=30, check=False)
        assert (done.returncode, done.stderr) == (0, ""), file


def test_files_are_small_and_guarded() -> None:
    for file in FILES:
        text = file.read_text()
        assert len(text.splitlines()) < 400, file
        assert not text.rstrip().endswith("?>"), file
        assert "defined('WHMCS')" in text or "namespace DoormanAddon;" in text, file
