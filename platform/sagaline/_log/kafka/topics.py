"""Plans and makes the topics of a namespace on Kafka. Never shrinks, never changes a partition count."""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence
from typing import Any

from confluent_kafka import KafkaError, KafkaException, TopicCollection

# pyright: reportPrivateImportUsage=false
from confluent_kafka.admin import (  # type: ignore[attr-defined]  # its __init__ re-exports without saying so
    AdminClient,
    AlterConfigOpType,
    ConfigEntry,
    ConfigResource,
    NewTopic,
    ResourceType,
)

from sagaline._log.topics import (
    HISTORY,
    KEYED,
    NAMES_SHOWN,
    NOT_MADE_HERE,
    TOPICS,
    TopicPlan,
    TopicSpec,
    queue_specs,
    queue_topics,
)
from sagaline.errors import LogUnavailable, NamespaceNotFound, TopicMismatch

_TIMEOUT_S = 30.0
_BEING_MADE_S = 5.0


class KafkaTopics:
    """The administration of one namespace's topics."""

    def __init__(self, admin: AdminClient, namespace: str) -> None:
        self._admin: Any = admin  # its own annotations are partial
        self._namespace = namespace

    def plan(
        self, partitions: int | None, replication: int | None, default: int = 8, queues: Sequence[str] = ()
    ) -> list[TopicPlan]:
        """What has to be done for each topic.

        ``partitions`` is the count wanted for new topics; None keeps that of the topics that are there.
        """
        cluster = self._admin.list_topics(timeout=_TIMEOUT_S)
        prefix = self._full("")
        there = [name.removeprefix(prefix) for name in cluster.topics if name.startswith(prefix)]
        specs = (*TOPICS, *queue_specs(there, queues))
        counts = {
            spec.name: len(cluster.topics[full].partitions)
            for spec in specs
            if (full := self._full(spec.name)) in cluster.topics and cluster.topics[full].error is None
        }
        settings = self._settings([spec.name for spec in specs if spec.name in counts])
        keyed = next((counts[name] for name in KEYED if name in counts), partitions or default)
        wanted_replication = replication or min(3, len(cluster.brokers))
        plans: list[TopicPlan] = []
        for spec in specs:
            if spec.name in counts:
                plans.append(_check(spec, counts[spec.name], keyed, partitions, settings[spec.name]))
            else:
                changes = {**spec.required, **spec.defaults}
                if wanted_replication >= 3:
                    changes["min.insync.replicas"] = "2"
                plans.append(TopicPlan(spec.name, "create", spec.partitions or keyed, wanted_replication, changes))
        return plans

    def require_all(self) -> None:
        """Raises NamespaceNotFound when there are no topics of the namespace, TopicMismatch when some stay missing."""
        deadline = time.monotonic() + _BEING_MADE_S
        while True:
            topics = self._admin.list_topics(timeout=_TIMEOUT_S).topics
            missing = [spec.name for spec in TOPICS if self._full(spec.name) not in topics]
            if not missing:
                return
            if len(missing) == len(TOPICS):
                raise NamespaceNotFound(self._not_found(topics))
            if time.monotonic() > deadline:
                raise TopicMismatch(
                    f"Expected all topics of namespace {self._namespace!r} but {', '.join(missing)} are missing: run "
                    f"`sagaline topics apply` to make them."
                )
            time.sleep(0.1)  # a worker may be making them

    def _not_found(self, topics: Iterable[str]) -> str:
        suffix = f".{HISTORY}"
        names = sorted(name.removesuffix(suffix) for name in topics if name.endswith(suffix))
        shown = ", ".join(repr(name) for name in names[:NAMES_SHOWN]) + (", ..." if len(names) > NAMES_SHOWN else "")
        there = f"there is {shown}" if names else "there is none that this user may see"
        return f"Expected namespace {self._namespace!r} on the cluster but {there}. {NOT_MADE_HERE}"

    def refuse_problems(self, plans: Sequence[TopicPlan]) -> None:
        """Raises TopicMismatch when a topic is there but not as the engine needs it."""
        problems = [problem for plan in plans for problem in plan.problems]
        problems += [
            f"topic {self._namespace}.{plan.topic}: expected {name}={value}; run `sagaline topics apply` to set it"
            for plan in plans
            if plan.action == "alter"
            for name, value in plan.changes.items()
        ]
        if problems:
            raise TopicMismatch("; ".join(problems))

    def apply(self, plans: Sequence[TopicPlan]) -> None:
        """Carries the plans out; raises TopicMismatch before the first change when one has problems."""
        problems = [problem for plan in plans for problem in plan.problems]
        if problems:
            raise TopicMismatch("; ".join(problems))
        new = [
            NewTopic(f"{self._namespace}.{plan.topic}", plan.partitions, plan.replication, config=plan.changes)
            for plan in plans
            if plan.action == "create"
        ]
        altered = [
            ConfigResource(
                ResourceType.TOPIC,
                f"{self._namespace}.{plan.topic}",
                incremental_configs=[
                    ConfigEntry(name, value, incremental_operation=AlterConfigOpType.SET)
                    for name, value in plan.changes.items()
                ],
            )
            for plan in plans
            if plan.action == "alter"
        ]
        futures: list[Any] = list(self._admin.create_topics(new).values()) if new else []
        futures += list(self._admin.incremental_alter_configs(altered).values()) if altered else []
        for future in futures:
            _wait(future)

    def make_queue(self, queue: str) -> None:
        """Makes the topics of a task queue that are missing, and waits until they are there. Raises TopicMismatch."""
        names = [spec.name for spec in queue_topics(queue)]
        plans = [plan for plan in self.plan(None, None, queues=[queue]) if plan.topic in names]
        self.refuse_problems(plans)
        self.apply([plan for plan in plans if plan.action == "create"])
        for name in names:
            self._described(name)

    def describe_history(self) -> tuple[int, str]:
        """Partition count and topic id of history, once it is there with leaders."""
        return self._described(HISTORY)

    def _described(self, topic: str) -> tuple[int, str]:
        name = self._full(topic)
        deadline = time.monotonic() + _TIMEOUT_S
        while True:
            try:
                future = self._admin.describe_topics(TopicCollection([name]))[name]
                found = future.result(timeout=_TIMEOUT_S)
                if all(part.leader is not None and part.leader.id >= 0 for part in found.partitions):
                    return len(found.partitions), str(found.topic_id)
            except KafkaException as error:
                if error.args[0].code() != KafkaError.UNKNOWN_TOPIC_OR_PART or time.monotonic() > deadline:
                    raise LogUnavailable(f"Expected topic {name} but {error.args[0].str()}.") from error
            if time.monotonic() > deadline:
                raise LogUnavailable(f"Expected topic {name} to have leaders but it has none after {_TIMEOUT_S:g} s.")
            time.sleep(0.05)  # creation spreads through the cluster

    def history_limits(self) -> tuple[float, int]:
        """Of the history topic: seconds for which tombstones stay, and bytes of a batch at most."""
        settings = self._settings([HISTORY])[HISTORY]
        return int(settings["delete.retention.ms"]) / 1_000, int(settings["max.message.bytes"])

    def _full(self, topic: str) -> str:
        return f"{self._namespace}.{topic}"

    def _settings(self, topics: Sequence[str]) -> dict[str, dict[str, str]]:
        if not topics:
            return {}
        resources = {name: ConfigResource(ResourceType.TOPIC, self._full(name)) for name in topics}
        futures = self._admin.describe_configs(list(resources.values()))
        return {
            name: {key: entry.value for key, entry in _wait(futures[resource]).items()}
            for name, resource in resources.items()
        }


def _check(spec: TopicSpec, count: int, keyed: int, wanted: int | None, settings: dict[str, str]) -> TopicPlan:
    problems: list[str] = []
    if spec.name in KEYED and count != keyed:
        problems.append(
            f"topic {spec.name}: expected {keyed} partitions, as the other topics of the namespace have, but it has "
            f"{count}; a workflow id's partition depends on the count, so it cannot be changed: recreate the topic"
        )
    if spec.name in KEYED and wanted is not None and wanted < count:
        problems.append(f"topic {spec.name}: has {count} partitions and cannot shrink to {wanted}")
    if spec.name in KEYED and wanted is not None and wanted > count:
        problems.append(
            f"topic {spec.name}: has {count} partitions; growing it to {wanted} would move workflow ids between "
            f"partitions: make a new namespace instead"
        )
    changes = {name: value for name, value in spec.required.items() if settings.get(name) != value}
    if "cleanup.policy" in changes:
        problems.append(
            f"topic {spec.name}: expected cleanup.policy={changes['cleanup.policy']} but it is "
            f"{settings.get('cleanup.policy')}; records may already be gone, so this is not corrected silently: "
            f"set it with your broker's tools, or recreate the topic"
        )
    action = "refuse" if problems else "alter" if changes else "nothing"
    return TopicPlan(spec.name, action, count, 0, changes, tuple(problems))


def _wait(future: Any) -> Any:
    try:
        return future.result(timeout=_TIMEOUT_S)
    except KafkaException as error:
        if error.args[0].code() == KafkaError.TOPIC_ALREADY_EXISTS:
            return None
        raise LogUnavailable(f"Expected the broker to answer but {error.args[0].str()}.") from error
