package io.sagaline.example;

import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Collection;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.ScheduledExecutorService;
import java.util.concurrent.TimeUnit;
import org.apache.avro.generic.GenericRecord;
import org.apache.kafka.clients.consumer.ConsumerRebalanceListener;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.clients.consumer.OffsetAndMetadata;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.serialization.ByteArrayDeserializer;
import org.apache.kafka.common.serialization.ByteArraySerializer;
import org.apache.kafka.common.serialization.StringDeserializer;
import org.apache.kafka.common.serialization.StringSerializer;

/** Works a Sagaline task queue: {@code Worker BROKERS NAMESPACE QUEUE SCHEMAS}. See docs/task-protocol.md. */
public final class Worker implements ConsumerRebalanceListener {
  /** What an activity does: the arguments as a JSON array, its result as JSON. */
  interface Activity {
    String run(String arguments, GenericRecord task) throws Exception;
  }

  /** A failure after which another attempt makes no sense. */
  static final class Refused extends Exception {
    private static final long serialVersionUID = 1L;

    Refused(String message) {
      super(message);
    }
  }

  private static final int AT_ONCE = 16;
  private final String namespace, queue, name = "java-" + ProcessHandle.current().pid();
  private final Wire wire;
  private final KafkaConsumer<String, byte[]> tasks, cancels;
  private final KafkaProducer<String, byte[]> producer;
  private final Map<String, Activity> activities = new HashMap<>();
  private final ExecutorService threads = Executors.newFixedThreadPool(AT_ONCE);
  private final ScheduledExecutorService pulse = Executors.newScheduledThreadPool(1);
  private final Set<String> cancelled = ConcurrentHashMap.newKeySet();
  private final Map<String, Future<?>> running = new ConcurrentHashMap<>();
  private final ConcurrentLinkedQueue<ConsumerRecord<String, byte[]>> done = new ConcurrentLinkedQueue<>();
  private final Map<TopicPartition, TreeSet<Long>> open = new HashMap<>(); // offsets that are not done, and the next one

  Worker(String brokers, String namespace, String queue, Path schemas) throws Exception {
    this.namespace = namespace;
    this.queue = queue;
    wire = new Wire(schemas);
    Map<String, Object> common = Map.of("bootstrap.servers", brokers, "client.id", name);
    Map<String, Object> reading = new HashMap<>(common);
    reading.putAll(Map.of("enable.auto.commit", false, "auto.offset.reset", "earliest", "max.poll.records", AT_ONCE));
    reading.put("allow.auto.create.topics", false);
    cancels = new KafkaConsumer<>(reading, new StringDeserializer(), new ByteArrayDeserializer());
    reading.put("group.id", namespace + ".tasks." + queue);
    reading.put("partition.assignment.strategy", "org.apache.kafka.clients.consumer.CooperativeStickyAssignor");
    tasks = new KafkaConsumer<>(reading, new StringDeserializer(), new ByteArrayDeserializer());
    Map<String, Object> writing = new HashMap<>(common);
    writing.put("acks", "all");
    producer = new KafkaProducer<>(writing, new StringSerializer(), new ByteArraySerializer());
  }

  Worker register(String activity, Activity code) {
    activities.put(activity, code);
    return this;
  }

  /** Runs until it is interrupted. */
  void run() {
    TopicPartition topic = new TopicPartition(namespace + ".cancels." + queue, 0);
    cancels.assign(List.of(topic));
    cancels.seekToBeginning(List.of(topic));
    long end = cancels.endOffsets(List.of(topic)).get(topic);
    while (cancels.position(topic) < end) { // before the first task, or one that was given up might begin
      readCancels(Duration.ofSeconds(1));
    }
    tasks.subscribe(List.of(namespace + ".tasks." + queue), this);
    while (!Thread.currentThread().isInterrupted()) {
      readCancels(Duration.ZERO);
      for (ConsumerRecord<String, byte[]> record : tasks.poll(Duration.ofMillis(50))) {
        TopicPartition place = new TopicPartition(record.topic(), record.partition());
        open.computeIfAbsent(place, key -> new TreeSet<>()).add(record.offset());
        begin(record);
      }
      commit();
      if (running.size() > 2 * AT_ONCE) {
        tasks.pause(tasks.assignment()); // it is polled all the same, or the group takes its partitions
      } else {
        tasks.resume(tasks.paused());
      }
    }
  }

  private void readCancels(Duration wait) {
    for (ConsumerRecord<String, byte[]> record : cancels.poll(wait)) {
      cancelled.add(record.key());
      Future<?> attempt = running.get(record.key());
      if (attempt != null) {
        attempt.cancel(true);
      }
    }
  }

  private void begin(ConsumerRecord<String, byte[]> record) {
    GenericRecord task;
    try {
      task = wire.task(record.value());
    } catch (Exception error) { // nobody's: a worker in Python puts it among the dead letters
      System.err.println("no task at " + record.offset() + ": " + error);
      done.add(record);
      return;
    }
    long deadline = (Long) task.get("deadline");
    if (cancelled.contains(record.key())) {
      send(record, task, wire.failed(task, "Cancelled", "it was cancelled before it began", "cancelled", false));
    } else if (deadline > 0 && deadline <= System.currentTimeMillis()) {
      send(record, task, wire.failed(task, "Late", "its task was read behind its deadline", "timeout", false));
    } else {
      running.put(record.key(), threads.submit(() -> attempt(record, task)));
    }
  }

  private void attempt(ConsumerRecord<String, byte[]> record, GenericRecord task) {
    String activity = task.get("activity").toString();
    tell(task, null); // from now on the owner counts its time
    long every = Math.max(1, (Long) task.get("heartbeat_timeout_ms") * 8 / 10);
    Future<?> beats = (Long) task.get("heartbeat_timeout_ms") > 0
        ? pulse.scheduleAtFixedRate(() -> tell(task, null), every, every, TimeUnit.MILLISECONDS) : null;
    byte[] value;
    try {
      Activity code = activities.get(activity);
      if (code == null) {
        value = wire.failed(task, "UnknownActivity", name + " has no " + activity, "application", true);
      } else {
        String result = code.run(StandardCharsets.UTF_8.decode((ByteBuffer) task.get("input")).toString(), task);
        value = wire.completed(task, result.getBytes(StandardCharsets.UTF_8));
      }
    } catch (InterruptedException error) {
      value = wire.failed(task, "Cancelled", "it was cancelled", "cancelled", false);
    } catch (Exception error) {
      boolean retryable = !(error instanceof Refused);
      value = wire.failed(task, error.getClass().getSimpleName(), String.valueOf(error.getMessage()), "application", retryable);
    } finally {
      if (beats != null) {
        beats.cancel(false);
      }
    }
    send(record, task, value);
  }

  /** How far an attempt has come; without details, that it runs. */
  void tell(GenericRecord task, String details) {
    byte[] value = wire.alive(task, details == null ? null : details.getBytes(StandardCharsets.UTF_8), name);
    producer.send(new ProducerRecord<>(namespace + ".results", task.get("workflow_id").toString(), value));
  }

  /** The task is done when its result is in the log, not before. */
  private void send(ConsumerRecord<String, byte[]> record, GenericRecord task, byte[] value) {
    String key = task.get("workflow_id").toString();
    producer.send(new ProducerRecord<>(namespace + ".results", key, value), (written, error) -> {
      if (error == null) {
        running.remove(record.key());
        done.add(record);
      } else {
        System.err.println("a result could not be written: its task is done again after a restart: " + error);
      }
    });
  }

  /** Up to the first offset that is not done; a worker in Python also says which of those behind it are. */
  private void commit() {
    Map<TopicPartition, OffsetAndMetadata> offsets = new HashMap<>();
    for (ConsumerRecord<String, byte[]> record = done.poll(); record != null; record = done.poll()) {
      TopicPartition place = new TopicPartition(record.topic(), record.partition());
      TreeSet<Long> waiting = open.get(place);
      if (waiting != null && waiting.remove(record.offset())) {
        long next = waiting.isEmpty() ? tasks.position(place) : waiting.first();
        offsets.put(place, new OffsetAndMetadata(next));
      }
    }
    if (!offsets.isEmpty()) {
      tasks.commitAsync(offsets, null);
    }
  }

  @Override
  public void onPartitionsRevoked(Collection<TopicPartition> partitions) {
    commit();
    partitions.forEach(open::remove); // what runs may end: its result is known by its attempt
  }

  @Override
  public void onPartitionsAssigned(Collection<TopicPartition> partitions) {}

  public static void main(String[] arguments) throws Exception {
    Worker worker = new Worker(arguments[0], arguments[1], arguments[2], Path.of(arguments[3]));
    worker.register("ship", (order, task) -> "\"" + task.get("idempotency_key") + " " + order.length() + "\"");
    worker.register("count", (order, task) -> {
      for (int item = 1; item <= 3; item++) {
        worker.tell(task, "[" + item + "]");
        Thread.sleep(20);
      }
      return "3";
    });
    worker.register("refuse", (order, task) -> {
      throw new Refused("not with us");
    });
    worker.register("hang", (order, task) -> {
      Thread.sleep(3_600_000);
      return "null";
    });
    System.out.println("working " + arguments[1] + ".tasks." + arguments[2]);
    worker.run();
  }
}
