"""The steps of statements, and the branches and loops around them."""

from __future__ import annotations

import ast
from collections.abc import Sequence

from sagaline.checker.sources import text_of
from sagaline.checker.versions.calls import MARK, Calls
from sagaline.checker.versions.items import Choice, Exit, Item, Patch, has_exits, has_steps


class Statements(Calls):
    """One function on the walk, from its first statement to its last."""

    def items(self) -> tuple[Item, ...]:
        """All that the function does."""
        node = self._function.node
        if isinstance(node, ast.Lambda):
            return self.expression(node.body)
        return self._block(node.body) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) else ()

    def expression(self, node: ast.expr) -> tuple[Item, ...]:
        if isinstance(node, ast.IfExp):
            then, otherwise = [_as_statement(node.body)], [_as_statement(node.orelse)]
            return self._choice("if", node, node.test, then, otherwise)
        return super().expression(node)

    def _block(self, statements: Sequence[ast.stmt]) -> tuple[Item, ...]:
        items: list[Item] = []
        for statement in statements:
            items += self._statement(statement)
            if isinstance(statement, ast.Return | ast.Raise | ast.Break | ast.Continue):
                break
        return tuple(items)

    def _statement(self, node: ast.stmt) -> tuple[Item, ...]:
        if isinstance(node, ast.If):
            return self._choice("if", node, node.test, node.body, node.orelse)
        if isinstance(node, ast.For | ast.AsyncFor):
            head = self.expression(node.iter)
            over = self._expressions.text(node.iter)
            self._expressions.assign(node.target, f"item of {over}")
            return head + self.loop(over, self._block(node.body), node) + self._block(node.orelse)
        if isinstance(node, ast.While):
            inside = self.expression(node.test)
            return self.loop(self._expressions.text(node.test), inside + self._block(node.body), node)
        if isinstance(node, ast.Try | ast.TryStar):
            return self._try(node)
        if isinstance(node, ast.With | ast.AsyncWith):
            return self._with(node)
        if isinstance(node, ast.Match):
            head, subject = self.expression(node.subject), self._expressions.text(node.subject)
            cases = "; ".join(text_of(case.pattern) for case in node.cases)
            return head + self._ways("match", f"{subject}: {cases}", [case.body for case in node.cases], node)
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            return ()
        return self._simple(node)

    def _with(self, node: ast.With | ast.AsyncWith) -> tuple[Item, ...]:
        head: tuple[Item, ...] = ()
        for part in node.items:
            head += self.expression(part.context_expr)
            if part.optional_vars is not None:
                self._expressions.assign_value(part.optional_vars, part.context_expr)
        return head + self._block(node.body)

    def _simple(self, node: ast.stmt) -> tuple[Item, ...]:
        items = tuple(
            item
            for child in ast.iter_child_nodes(node)
            if isinstance(child, ast.expr)
            for item in self.expression(child)
        )
        if isinstance(node, ast.Assign):
            for target in node.targets:
                self._expressions.assign_value(target, node.value)
        elif isinstance(node, ast.AnnAssign) and node.value is not None:
            self._expressions.assign_value(node.target, node.value)
        elif isinstance(node, ast.AugAssign):
            self._expressions.assign(node.target, self._expressions.text(ast.BinOp(node.target, node.op, node.value)))
        elif isinstance(node, ast.Return | ast.Raise | ast.Break | ast.Continue):
            items += (Exit(type(node).__name__.lower(), self.place(node)),)
        return items

    def _choice(
        self, word: str, node: ast.expr | ast.stmt, test: ast.expr, then: list[ast.stmt], otherwise: list[ast.stmt]
    ) -> tuple[Item, ...]:
        head, condition = self.expression(test), self._expressions.text(test)
        first, second = self._separately([then, otherwise])
        bare = condition.removeprefix("not ")
        if bare.startswith(MARK) and " " not in bare:
            ways = (second, first) if condition.startswith("not ") else (first, second)
            return (*head, Patch(bare.removeprefix(MARK), *ways, self.place(node)))
        if condition.startswith(MARK) and " and " in condition:
            mark, _, rest = condition.partition(" and ")
            inner = self._made(word, rest, (first, second), node)
            return (*head, Patch(mark.removeprefix(MARK), inner, second, self.place(node)))
        return head + self._made(word, condition, (first, second), node)

    def _ways(self, word: str, condition: str, blocks: list[list[ast.stmt]], node: ast.stmt) -> tuple[Item, ...]:
        return self._made(word, condition, self._separately(blocks), node)

    def _made(
        self, word: str, condition: str, ways: tuple[tuple[Item, ...], ...], node: ast.expr | ast.stmt
    ) -> tuple[Item, ...]:
        if not any(has_steps(way) or has_exits(way) for way in ways):
            return ()
        return (Choice(word, condition, ways, self.place(node)),)

    def _separately(self, blocks: list[list[ast.stmt]]) -> tuple[tuple[Item, ...], ...]:
        """Blocks of which one runs: what they assign differently is either's."""
        before = dict(self._expressions.variables)
        ways: list[tuple[Item, ...]] = []
        after: list[dict[str, str]] = []
        for block in blocks:
            self._expressions.variables = dict(before)
            ways.append(self._block(block))
            after.append(self._expressions.variables)
        merged = dict(before)
        for name in {name for variables in after for name in variables}:
            texts = [variables.get(name, name) for variables in after]
            merged[name] = texts[0] if len(set(texts)) == 1 else f"either({', '.join(texts)})"[:400]
        self._expressions.variables = merged
        return tuple(ways)

    def _try(self, node: ast.Try | ast.TryStar) -> tuple[Item, ...]:
        body = self._block(node.body)
        types = "; ".join("" if handler.type is None else text_of(handler.type) for handler in node.handlers)
        handlers = self._ways("except", types, [handler.body for handler in node.handlers], node)
        return body + handlers + self._block(node.orelse) + self._block(node.finalbody)


def _as_statement(expression: ast.expr) -> ast.stmt:
    return ast.copy_location(ast.Expr(expression), expression)
