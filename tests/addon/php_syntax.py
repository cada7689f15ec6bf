"""Finds PHP features newer than 7.4 with a real parser (tree-sitter): syntax by node, functions and classes by name."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import tree_sitter_php
from tree_sitter import Language, Node, Parser

_PARSER = Parser(Language(tree_sitter_php.language_php()))

#: Nodes that occur only in newer syntax.
_NODES = {
    "match_expression": "match (8.0)",
    "nullsafe_member_access_expression": "?-> (8.0)",
    "nullsafe_member_call_expression": "?-> (8.0)",
    "attribute_list": "attribute (8.0)",
    "property_promotion_parameter": "constructor promotion (8.0)",
    "union_type": "union type (8.0)",
    "intersection_type": "intersection type (8.1)",
    "disjunctive_normal_form_type": "DNF type (8.2)",
    "enum_declaration": "enum (8.1)",
    "readonly_modifier": "readonly (8.1)",
    "bottom_type": "never (8.1)",
    "variadic_placeholder": "first-class callable (8.1)",
    "property_hook_list": "property hook (8.4)",
}

#: Types that 7.4 would treat as class names, or refuse.
_TYPES = {b"mixed": "8.0", b"static": "8.0", b"null": "8.2", b"false": "8.0", b"true": "8.2"}

_FUNCTIONS = frozenset(
    b"""str_contains str_starts_with str_ends_with fdiv get_debug_type get_resource_id preg_last_error_msg
    array_is_list fsync fdatasync enum_exists openssl_cipher_key_length memory_reset_peak_usage ini_parse_quantity
    curl_upkeep mysqli_execute_query json_validate str_increment str_decrement mb_str_pad mb_trim mb_ltrim mb_rtrim
    mb_ucfirst mb_lcfirst array_find array_find_key array_any array_all stream_context_set_options posix_sysconf
    posix_eaccess socket_atmark http_get_last_response_headers fpow request_parse_body grapheme_str_split
    array_first array_last""".split()
)

_CLASSES = frozenset(
    b"""WeakMap Stringable ValueError UnhandledMatchError PhpToken Fiber FiberError Attribute CURLStringFile
    AllowDynamicProperties SensitiveParameter Override CurlHandle CurlMultiHandle UnitEnum BackedEnum Random
    InternalIterator ReflectionUnionType ReflectionEnum""".split()
)


def newer_than_74(code: bytes) -> list[str]:
    """Return what PHP 7.4 does not support, as `line: what`; syntax errors too."""
    root = _PARSER.parse(code).root_node
    found = ["1: no PHP at all"] if root.has_error else []
    for node in _walk(root):
        found += [f"{node.start_point[0] + 1}: {what}" for what in _newer(node)]
    return found


def _walk(node: Node) -> Iterator[Node]:
    yield node
    for child in node.children:
        yield from _walk(child)


def _newer(node: Node) -> Iterator[str]:
    if node.type in _NODES and node.is_named:
        yield _NODES[node.type]
    check = _CHECKS.get(node.type)
    what = check(node) if check is not None else None
    if what is not None:
        yield what


def _text(node: Node | None) -> bytes:
    return (node.text or b"") if node is not None else b""


def _type(node: Node) -> str | None:
    name = _text(node).lower()
    return f"type {name.decode()} ({_TYPES[name]})" if name in _TYPES else None


def _argument(node: Node) -> str | None:
    return "named argument (8.0)" if node.child_by_field_name("name") is not None else None


def _throw(node: Node) -> str | None:
    as_statement = node.parent is not None and node.parent.type == "expression_statement"
    return None if as_statement else "throw as an expression (8.0)"


def _trailing_comma(node: Node) -> str | None:
    marks = [child for child in node.children if child.type != "comment"]
    ends = len(marks) >= 2 and marks[-2].type == ","
    return "trailing comma in a list of parameters (8.0)" if ends else None


def _catch(node: Node) -> str | None:
    return "catch without a variable (8.0)" if node.child_by_field_name("name") is None else None


def _default(node: Node) -> str | None:
    value = node.child_by_field_name("default_value")
    return "new in a default (8.1)" if value is not None and value.type == "object_creation_expression" else None


def _constant(node: Node) -> str | None:
    if node.child_by_field_name("type") is not None:
        return "typed constant (8.3)"
    final = any(child.type == "final_modifier" for child in node.children)
    return "final constant (8.1)" if final else None


def _constant_access(node: Node) -> str | None:
    of, name = node.named_children[0], node.named_children[-1]
    if _text(name).lower() == b"class" and of.type not in {"name", "qualified_name", "relative_scope"}:
        return "::class of an object (8.0)"
    return "dynamic constant (8.3)" if name.named_children else None


def _creation(node: Node) -> str | None:
    inner = next((child for child in node.named_children), None)
    if inner is not None and inner.type == "parenthesized_expression":
        return "new (…) (8.0)"
    return _named_class(inner)


def _named_class(node: Node | None) -> str | None:
    name = _text(node).lstrip(b"\\")
    return f"class {name.decode()} (8)" if name in _CLASSES else None


def _call(node: Node) -> str | None:
    name = _text(node.child_by_field_name("function")).lower().lstrip(b"\\")
    return f"function {name.decode()} (8)" if name in _FUNCTIONS else None


def _integer(node: Node) -> str | None:
    return "0o… (8.1)" if _text(node).lower().startswith(b"0o") else None


def _trait(node: Node) -> str | None:
    body = node.child_by_field_name("body")
    has = body is not None and any(child.type == "const_declaration" for child in body.children)
    return "constant in a trait (8.2)" if has else None


def _operation(node: Node) -> str | None:
    operator = _text(node.child_by_field_name("operator"))
    if operator == b"|>":
        return "pipe (8.5)"
    right = node.child_by_field_name("right")
    computed = operator.lower() == b"instanceof" and right is not None and right.type == "parenthesized_expression"
    return "instanceof (…) (8.0)" if computed else None


_CHECKS: dict[str, Callable[[Node], str | None]] = {
    "primitive_type": _type,
    "named_type": lambda node: _type(node) or _named_class(node),
    "argument": _argument,
    "throw_expression": _throw,
    "formal_parameters": _trailing_comma,
    "anonymous_function_use_clause": _trailing_comma,
    "catch_clause": _catch,
    "simple_parameter": _default,
    "const_declaration": _constant,
    "class_constant_access_expression": _constant_access,
    "object_creation_expression": _creation,
    "function_call_expression": _call,
    "integer": _integer,
    "trait_declaration": _trait,
    "binary_expression": _operation,
}
