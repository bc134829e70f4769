"""A cluster manager that lives for ever: nodes come and go, sick ones are replaced, its history stays short."""

from .activities import check_node, start_node, stop_node
from .manager import Cluster
from .models import ClusterState, Node

__all__ = ["Cluster", "ClusterState", "Node", "check_node", "start_node", "stop_node"]
