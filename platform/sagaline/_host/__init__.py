"""The process: ownership of partitions, the partition loop, effects, activities. Everything impure meets here."""
