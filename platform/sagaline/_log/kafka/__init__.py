"""The log on Kafka. The only importer of confluent_kafka."""
