"""One claimed partition: inputs, deciding, recording, applying, releasing."""
