"""What is written to the log: commands, events and records as types, their keys and their Avro codec."""
