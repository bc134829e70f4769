package io.sagaline.example;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.ByteBuffer;
import java.nio.file.Files;
import java.nio.file.Path;
import org.apache.avro.Schema;
import org.apache.avro.generic.GenericData;
import org.apache.avro.generic.GenericRecord;
import org.apache.avro.message.BinaryMessageDecoder;
import org.apache.avro.message.BinaryMessageEncoder;

/** Records of the task protocol as bytes: Avro's single-object encoding, with the published schemas. */
final class Wire {
  private final Schema task, result, failure, heartbeat;
  private final BinaryMessageDecoder<GenericRecord> tasks, cancels;

  Wire(Path schemas) throws IOException {
    task = schema(schemas, "task.v2");
    result = schema(schemas, "activity_result.v2");
    failure = result.getField("failure").schema().getTypes().get(1);
    heartbeat = schema(schemas, "heartbeat.v1");
    Schema cancel = schema(schemas, "cancel_task.v1");
    tasks = new BinaryMessageDecoder<>(GenericData.get(), task);
    tasks.addSchema(schema(schemas, "task.v1"));
    cancels = new BinaryMessageDecoder<>(GenericData.get(), cancel);
  }

  private static Schema schema(Path folder, String name) throws IOException {
    return new Schema.Parser().parse(Files.readString(folder.resolve(name + ".avsc")));
  }

  GenericRecord task(byte[] value) throws IOException {
    return tasks.decode(value);
  }

  GenericRecord cancel(byte[] value) throws IOException {
    return cancels.decode(value);
  }

  /** A result: JSON in UTF-8. */
  byte[] completed(GenericRecord task, byte[] json) {
    GenericRecord record = about(task, result);
    record.put("result", ByteBuffer.wrap(json));
    return bytes(record);
  }

  /** A failure; ``kind`` is application, timeout or cancelled. */
  byte[] failed(GenericRecord task, String type, String message, String kind, boolean retryable) {
    GenericRecord why = new GenericData.Record(failure);
    why.put("type", type);
    why.put("message", message);
    why.put("kind", kind);
    why.put("stack", "");
    why.put("retryable", retryable);
    why.put("clean", false);
    GenericRecord record = about(task, result);
    record.put("failure", why);
    return bytes(record);
  }

  /** A sign of life; without details it says that the attempt has begun. Details are a JSON array. */
  byte[] alive(GenericRecord task, byte[] details, String worker) {
    GenericRecord record = about(task, heartbeat);
    record.put("details", details == null ? null : ByteBuffer.wrap(details));
    record.put("worker", worker);
    record.put("at", System.currentTimeMillis());
    record.put("awaited_until", 0L);
    return bytes(record);
  }

  private static GenericRecord about(GenericRecord task, Schema schema) {
    GenericRecord record = new GenericData.Record(schema);
    for (String name : new String[] {"workflow_id", "run_id", "step", "attempt"}) {
      record.put(name, task.get(name));
    }
    if (schema.getField("next_delay_ms") != null) {
      record.put("next_delay_ms", -1L);
    }
    return record;
  }

  private static byte[] bytes(GenericRecord record) {
    try {
      ByteBuffer encoded = new BinaryMessageEncoder<GenericRecord>(GenericData.get(), record.getSchema()).encode(record);
      byte[] value = new byte[encoded.remaining()];
      encoded.get(value);
      return value;
    } catch (IOException error) {
      throw new UncheckedIOException(error);
    }
  }
}
