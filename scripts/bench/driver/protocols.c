// What is said to each server, by a sender and by a collector: each in the leanest way that is correct.

#include "driver.h"
#include <unistd.h>

// How many messages a collector asks for at once, where it has to say so.
#define BATCH 1000
// beanstalkd: how many requests are under way while it is known that there are messages for all of them.
#define RESERVES 256
// Redis: of so many mailboxes one request asks at the most.
#define KEYS 500

static int a_match(struct connection *c, size_t at, const char *word) {
  size_t length = strlen(word);
  return c->in_length - at >= length && memcmp(c->in + at, word, length) == 0;
}

static size_t a_line(struct connection *c) {
  unsigned char *end = line_end(c, 0);
  return end == NULL ? 0 : (size_t)(end + 1 - c->in);
}

// Is this the last message of a drain? Then the server is asked to say that it knows all acknowledgements.
static int is_last(struct connection *c) { return kind == DRAIN && c->delivered == expected; }

// A collector that has nothing to say when it comes.
static void nothing(struct connection *c) { (void)c; }

// ---- detour/1

static void detour_hello(struct connection *c) {
  // Another run is somebody else: its ids are the same, and would be taken for repeats.
  say(c, "HELLO version=1 as=load%d-%ld session=1 try=1 heartbeat=3600\n", c->number, (long)getpid());
}

static size_t detour_frame(struct connection *c, unsigned char *to) {
  size_t length = sprintf((char *)to, "SEND id=%08llx to=mail%d size=%d\n", (unsigned long long)c->sent, c->mailbox, size);
  length += put(to + length, next_body(), size);
  to[length] = '\n';
  return length + 1;
}

// Counts whole lines. Each must begin with `word`, or with `other`, which is not counted.
static int lines(struct connection *c, size_t *used, const char *word, const char *other) {
  int count = 0;
  for (unsigned char *end; (end = line_end(c, *used)) != NULL; *used = end + 1 - c->in) {
    if (a_match(c, *used, word)) count++;
    else if (other == NULL || !a_match(c, *used, other)) die("unexpected answer", c->in + *used, end - c->in - *used);
  }
  return count;
}

static int detour_answers(struct connection *c, size_t *used) { return lines(c, used, "STORED ", NULL); }

static void detour_request(struct connection *c) {
  // EMPTY says that all acknowledgements are durable, and that a mailbox can be left. Nobody leaves a live one.
  say(c, "HELLO version=1 as=mail%d\nRECEIVE window=%d%s\n", c->mailbox, WINDOW, kind == LIVE ? "" : " drain=yes");
}

static size_t detour_collect(struct connection *c) {
  size_t used = 0;
  long long last = 0;
  for (unsigned char *end; (end = line_end(c, used)) != NULL;) {
    unsigned char *line = c->in + used;
    size_t next = end + 1 - c->in;
    if (a_match(c, used, "MESSAGE seq=")) {
      // size= comes last.
      unsigned char *number = end;
      while (number[-1] != '=') number--;
      size_t body = next, length = strtoul((char *)number, NULL, 10);
      if (c->in_length < body + length + 1) break;
      next = body + length + 1;
      // After BYE nothing can be acknowledged: what still comes will come again.
      if (!c->leaving) {
        deliver(c, c->in + body, length);
        last = strtoll((char *)line + 12, NULL, 10);
      }
    } else if (a_match(c, used, "EMPTY\n")) {
      if (kind == DRAIN) acknowledged = c->delivered;
      else c->leaving = 1;
    } else if (a_match(c, used, "BYE\n") && c->leaving) {
      // Says, too, that all acknowledgements are durable.
      acknowledged += c->delivered;
      c->delivered = 0;
      c->left = 1;
    } else die("unexpected answer", line, c->in_length - used);
    used = next;
  }
  // One for all: it is cumulative.
  if (last > 0) say(c, "ACK seq=%lld\n", last);
  if (c->leaving == 1) {
    say(c, "BYE\n");
    c->leaving = 2;
  }
  return used;
}

// ---- Redis Streams

static size_t redis_frame(struct connection *c, unsigned char *to) {
  char key[32];
  int key_length = sprintf(key, "mail%d", c->mailbox);
  size_t length = sprintf((char *)to, "*5\r\n$4\r\nXADD\r\n$%d\r\n%s\r\n$1\r\n*\r\n$1\r\nm\r\n$%d\r\n", key_length, key, size);
  length += put(to + length, next_body(), size);
  return length + put(to + length, "\r\n", 2);
}

static int redis_answers(struct connection *c, size_t *used) {
  int count = 0;
  for (;;) {
    unsigned char *first = line_end(c, *used);
    if (first == NULL) return count;
    if (c->in[*used] != '$') die("unexpected answer", c->in + *used, first - c->in - *used);
    unsigned char *second = line_end(c, first + 1 - c->in);
    if (second == NULL) return count;
    *used = second + 1 - c->in;
    count++;
  }
}

static void redis_word(struct connection *c, const char *word) { say(c, "$%zu\r\n%s\r\n", strlen(word), word); }

static void redis_collector_hello(struct connection *c) {
  for (int n = 0; n < c->mailboxes; n++) {
    char key[32];
    sprintf(key, "mail%d", c->mailbox + n);
    say(c, "*6\r\n$6\r\nXGROUP\r\n$6\r\nCREATE\r\n");
    redis_word(c, key);
    say(c, "$1\r\ng\r\n$1\r\n0\r\n$8\r\nMKSTREAM\r\n");
  }
}

static size_t redis_collector_greeting(struct connection *c) {
  size_t used = 0;
  return lines(c, &used, "+OK", NULL) < c->mailboxes ? 0 : used;
}

static void redis_ask(struct connection *c) {
  int keys = c->mailbox + c->mailboxes - c->next;
  if (keys > KEYS) keys = KEYS;
  say(c, "*%d\r\n$10\r\nXREADGROUP\r\n$5\r\nGROUP\r\n$1\r\ng\r\n$1\r\nc\r\n", (kind == LIVE ? 9 : 7) + 2 * keys);
  // Of a live load nobody can know when the next message comes.
  if (kind == LIVE) say(c, "$5\r\nBLOCK\r\n$1\r\n0\r\n");
  say(c, "$5\r\nCOUNT\r\n$4\r\n%d\r\n$7\r\nSTREAMS\r\n", BATCH);
  for (int n = 0; n < keys; n++) {
    char key[32];
    sprintf(key, "mail%d", c->next + n);
    redis_word(c, key);
  }
  for (int n = 0; n < keys; n++) say(c, "$1\r\n>\r\n");
  c->next += keys;
  if (c->next == c->mailbox + c->mailboxes) c->next = c->mailbox;
}

static void redis_request(struct connection *c) {
  redis_ask(c);
  // While one answer is read and acknowledged the next is being made.
  if (kind == DRAIN) redis_ask(c);
}

// Reads one token of this kind at *at: its number, and of a text where it lies. 0: not all of it is here.
static int redis_token(struct connection *c, size_t *at, char kind_of, long *number, unsigned char **text) {
  unsigned char *end = line_end(c, *at);
  if (end == NULL) return 0;
  if (c->in[*at] != kind_of) die("unexpected answer", c->in + *at, end - c->in - *at);
  *number = strtol((char *)c->in + *at + 1, NULL, 10);
  size_t next = end + 1 - c->in;
  if (kind_of == '$') {
    if (c->in_length < next + *number + 2) return 0;
    *text = c->in + next;
    next += *number + 2;
  }
  *at = next;
  return 1;
}

static void redis_note_id(struct connection *c, const unsigned char *id, size_t length) {
  if (c->ids == NULL) c->ids = malloc(BATCH * 64);
  c->ids_length += sprintf((char *)c->ids + c->ids_length, "$%zu\r\n%.*s\r\n", length, (int)length, id);
  c->ids_count++;
}

static void redis_acknowledge(struct connection *c) {
  say(c, "*%d\r\n$4\r\nXACK\r\n", 3 + c->ids_count);
  redis_word(c, c->key);
  say(c, "$1\r\ng\r\n");
  c->out_length += put(room(c, c->ids_length), c->ids, c->ids_length);
  c->ids_length = c->ids_count = 0;
}

static size_t redis_collect(struct connection *c) {
  long number, name_length, id_length, body_length;
  unsigned char *name, *id, *body;
  for (size_t used = 0, at;; used = at) {
    at = used;
    if (at == c->in_length) return used;
    if (c->entries > 0) {
      // An id, and a list of the name of its only field and what that holds.
      if (!redis_token(c, &at, '*', &number, NULL) || !redis_token(c, &at, '$', &id_length, &id) ||
          !redis_token(c, &at, '*', &number, NULL) || !redis_token(c, &at, '$', &name_length, &name) ||
          !redis_token(c, &at, '$', &body_length, &body))
        return used;
      deliver(c, body, body_length);
      redis_note_id(c, id, id_length);
      if (--c->entries > 0) continue;
      redis_acknowledge(c);
      if (--c->streams == 0 && !is_last(c)) redis_ask(c);
    } else if (c->streams > 0) {
      // The name of a stream, and how many entries it has for us.
      if (!redis_token(c, &at, '*', &number, NULL) || !redis_token(c, &at, '$', &name_length, &name) ||
          !redis_token(c, &at, '*', &c->entries, NULL))
        return used;
      if (name_length >= (long)sizeof c->key || c->entries <= 0) die("unexpected answer", c->in + used, at - used);
      sprintf(c->key, "%.*s", (int)name_length, name);
    } else if (c->in[used] == ':') {
      // How many were acknowledged.
      if (!redis_token(c, &at, ':', &number, NULL)) return used;
      acknowledged += number;
    } else {
      if (!redis_token(c, &at, '*', &c->streams, NULL)) return used;
      if (c->streams > 0) continue;
      // There is nothing for us.
      c->streams = 0;
      if (kind == DRAIN && !is_last(c)) die("it ended too early", c->in + used, at - used);
      if (kind != DRAIN) redis_ask(c);
    }
  }
}

// ---- NATS JetStream: each publish names where its answer goes

static void nats_hello(struct connection *c) {
  say(c, "CONNECT {\"verbose\":false,\"pedantic\":false}\r\nSUB answers.%d 1\r\nPING\r\n", c->number);
}

static size_t nats_greeting(struct connection *c) {
  // INFO, and the PONG that comes after the subscription.
  unsigned char *pong = memmem(c->in, c->in_length, "PONG\r\n", 6);
  return pong == NULL ? 0 : (size_t)(pong + 6 - c->in);
}

static size_t nats_frame(struct connection *c, unsigned char *to) {
  size_t length = sprintf((char *)to, "PUB mail.%d answers.%d %d\r\n", c->mailbox, c->number, size);
  length += put(to + length, next_body(), size);
  return length + put(to + length, "\r\n", 2);
}

// The MSG that the input goes on with: its line and its body. Returns how many bytes it has; 0: not all of it is here.
static size_t nats_message(struct connection *c, size_t at, unsigned char **end, size_t *length) {
  *end = line_end(c, at);
  if (*end == NULL) return 0;
  if (!a_match(c, at, "MSG ")) die("unexpected answer", c->in + at, *end - c->in - at);
  unsigned char *number = *end;
  while (number[-1] != ' ') number--;
  *length = strtoul((char *)number, NULL, 10);
  size_t whole = *end + 1 - c->in - at + *length + 2;
  return at + whole > c->in_length ? 0 : whole;
}

// Skips a sign of life that the server asks for, which it can do without for some minutes.
static int nats_ping(struct connection *c, size_t *used) {
  if (!a_match(c, *used, "PING\r\n")) return 0;
  *used += 6;
  return 1;
}

static int nats_answers(struct connection *c, size_t *used) {
  int count = 0;
  for (;;) {
    if (nats_ping(c, used)) continue;
    unsigned char *end;
    size_t length, whole = nats_message(c, *used, &end, &length);
    if (whole == 0) return count;
    if (memmem(end, length, "\"error\"", 7) != NULL) die("refused", end + 1, length);
    *used += whole;
    count++;
  }
}

// A durable consumer that is asked for batches. One acknowledgement stands for all before it.
static void nats_collector_hello(struct connection *c) {
  char consumer[256];
  int length = sprintf(consumer,
                       "{\"stream_name\":\"mail\",\"config\":{\"durable_name\":\"keeper\",\"deliver_policy\":\"all\","
                       "\"ack_policy\":\"all\",\"max_ack_pending\":%d}}",
                       WINDOW);
  say(c, "CONNECT {\"verbose\":false,\"pedantic\":false}\r\nSUB made 1\r\nSUB inbox 2\r\nSUB known 3\r\n");
  say(c, "PUB $JS.API.CONSUMER.DURABLE.CREATE.mail.keeper made %d\r\n%s\r\n", length, consumer);
}

static size_t nats_collector_greeting(struct connection *c) {
  unsigned char *made_at = memmem(c->in, c->in_length, "MSG made ", 9), *end;
  if (made_at == NULL) return 0;
  size_t at = made_at - c->in, length, whole = nats_message(c, at, &end, &length);
  if (whole == 0) return 0;
  if (memmem(end, length, "\"error\"", 7) != NULL) die("refused", end + 1, length);
  return at + whole;
}

static void nats_request(struct connection *c) {
  while (c->asked - c->delivered <= BATCH) {
    say(c, "PUB $JS.API.CONSUMER.MSG.NEXT.mail.keeper inbox %zu\r\n{\"batch\":%d}\r\n", strlen("{\"batch\":1000}"), BATCH);
    c->asked += BATCH;
  }
}

static size_t nats_collect(struct connection *c) {
  char last[256] = "";
  size_t used = 0;
  for (size_t whole;; used += whole) {
    if (nats_ping(c, &used)) {
      whole = 0;
      continue;
    }
    unsigned char *end, *line = c->in + used;
    size_t length;
    whole = nats_message(c, used, &end, &length);
    if (whole == 0) break;
    if (a_match(c, used, "MSG known 3 ")) {
      acknowledged = delivered;
      continue;
    }
    // MSG, its subject, the number of the subscription, where the acknowledgement goes, and the length of the body.
    unsigned char *reply = memmem(line, end - line, " 2 $JS.ACK.", 11);
    if (reply == NULL) die("unexpected answer", line, whole);
    reply += strlen(" 2 ");
    size_t reply_length = strcspn((char *)reply, " ");
    if (reply_length >= sizeof last) die("too long", reply, reply_length);
    sprintf(last, "%.*s", (int)reply_length, reply);
    deliver(c, end + 1, length);
  }
  if (last[0] == 0) return used;
  if (is_last(c)) say(c, "PUB %s known 4\r\n+ACK\r\n", last);
  else say(c, "PUB %s 4\r\n+ACK\r\n", last);
  nats_request(c);
  return used;
}

// ---- MQTT 3.1.1, quality of service 1

static size_t mqtt_string(unsigned char *to, const char *text) {
  size_t length = strlen(text);
  to[0] = length >> 8;
  to[1] = length & 0xff;
  return 2 + put(to + 2, text, length);
}

static size_t mqtt_head(unsigned char *to, int kind_of, size_t rest) {
  size_t length = 0;
  to[length++] = kind_of;
  do {
    to[length++] = (rest & 0x7f) | (rest > 0x7f ? 0x80 : 0);
    rest >>= 7;
  } while (rest > 0);
  return length;
}

static void mqtt_connect(struct connection *c, const char *name, int clean) {
  unsigned char *to = room(c, 256);
  size_t length = mqtt_head(to, 0x10, 10 + 2 + strlen(name));
  length += mqtt_string(to + length, "MQTT");
  to[length++] = 4;
  to[length++] = clean ? 2 : 0;
  length += put(to + length, "\0\0", 2);
  c->out_length += length + mqtt_string(to + length, name);
}

static void mqtt_hello(struct connection *c) {
  char name[32];
  sprintf(name, "load%d", c->number);
  mqtt_connect(c, name, 1);
}

static size_t mqtt_greeting(struct connection *c) {
  if (c->in_length < 4) return 0;
  if (c->in[0] != 0x20 || c->in[3] != 0) die("unexpected answer", "not a CONNACK that accepts", 26);
  return 4;
}

static size_t mqtt_frame(struct connection *c, unsigned char *to) {
  char topic[32];
  sprintf(topic, "mail/%d", c->mailbox);
  size_t length = mqtt_head(to, 0x32, 2 + strlen(topic) + 2 + size);
  length += mqtt_string(to + length, topic);
  int id = 1 + c->sent % 60000;
  to[length++] = id >> 8;
  to[length++] = id & 0xff;
  return length + put(to + length, next_body(), size);
}

static int mqtt_answers(struct connection *c, size_t *used) {
  int count = 0;
  for (; c->in_length - *used >= 4; *used += 4, count++)
    if (c->in[*used] != 0x40) die("unexpected answer", "not a PUBACK", 12);
  return count;
}

// The subscriber that was away comes back (peers.ts): its session was kept.
static void mqtt_collector_hello(struct connection *c) { mqtt_connect(c, "keeper", 0); }

static size_t mqtt_collector_greeting(struct connection *c) {
  size_t used = mqtt_greeting(c);
  if (used > 0 && c->in[2] != 1) die("unexpected answer", "the session was not kept", 24);
  return used;
}

static size_t mqtt_collect(struct connection *c) {
  for (size_t used = 0;;) {
    unsigned char *packet = c->in + used;
    size_t have = c->in_length - used, at = 1, rest = 0;
    // The length of the rest: seven bits in each byte, the lowest first.
    for (int shift = 0;; shift += 7) {
      if (have <= at) return used;
      rest |= (size_t)(packet[at] & 0x7f) << shift;
      if (!(packet[at++] & 0x80)) break;
    }
    if (have < at + rest) return used;
    if (packet[0] == 0xd0) acknowledged = delivered;
    else {
      if (packet[0] != 0x32) die("unexpected answer", "not a PUBLISH that comes for the first time", 43);
      unsigned char *id = packet + at + 2 + (packet[at] << 8 | packet[at + 1]);
      deliver(c, id + 2, packet + at + rest - (id + 2));
      unsigned char acknowledgement[] = {0x40, 2, id[0], id[1]};
      c->out_length += put(room(c, 4), acknowledgement, 4);
      // PUBACK is not answered. But PINGREQ is, by a server that has read all that came before it.
      if (is_last(c)) c->out_length += put(room(c, 2), "\xc0\0", 2);
    }
    used += at + rest;
  }
}

// ---- beanstalkd

static size_t beanstalkd_frame(struct connection *c, unsigned char *to) {
  size_t length = 0;
  if (c->used != c->mailbox + 1) length = sprintf((char *)to, "use mail%d\r\n", c->mailbox);
  c->used = c->mailbox + 1;
  length += sprintf((char *)to + length, "put 0 0 60 %d\r\n", size);
  length += put(to + length, next_body(), size);
  return length + put(to + length, "\r\n", 2);
}

static int beanstalkd_answers(struct connection *c, size_t *used) { return lines(c, used, "INSERTED ", "USING "); }

static void beanstalkd_collector_hello(struct connection *c) {
  for (int n = 0; n < c->mailboxes; n++) say(c, "watch mail%d\r\n", c->mailbox + n);
  say(c, "ignore default\r\n");
}

static size_t beanstalkd_collector_greeting(struct connection *c) {
  size_t used = 0;
  return lines(c, &used, "WATCHING ", NULL) < c->mailboxes + 1 ? 0 : used;
}

// A request that waits for a message holds up everything after it. So only a drain, which knows how many there are, asks ahead.
static void beanstalkd_request(struct connection *c) {
  uint64_t ahead = kind == DRAIN ? RESERVES : 1;
  for (; c->asked - c->delivered < ahead && (kind != DRAIN || c->asked < expected); c->asked++) say(c, "reserve\r\n");
}

static size_t beanstalkd_collect(struct connection *c) {
  size_t used = 0;
  for (unsigned char *end; (end = line_end(c, used)) != NULL;) {
    size_t next = end + 1 - c->in;
    if (a_match(c, used, "DELETED\r\n")) acknowledged++;
    else {
      if (!a_match(c, used, "RESERVED ")) die("unexpected answer", c->in + used, end - c->in - used);
      char *rest;
      unsigned long long id = strtoull((char *)c->in + used + strlen("RESERVED "), &rest, 10);
      size_t length = strtoul(rest, NULL, 10);
      if (c->in_length < next + length + 2) break;
      deliver(c, c->in + next, length);
      next += length + 2;
      say(c, "delete %llu\r\n", id);
      beanstalkd_request(c);
    }
    used = next;
  }
  return used;
}

// ---- PostgreSQL: an INSERT into a table that peers.ts has made; each is a transaction of its own

static void put_number(unsigned char *to, uint32_t value) {
  for (int n = 0; n < 4; n++) to[n] = value >> (24 - 8 * n) & 0xff;
}

// A message: its kind, the length of what comes after that, and a body.
static size_t postgres_message(unsigned char *to, char what, const void *body, size_t length) {
  to[0] = what;
  put_number(to + 1, 4 + length);
  return 5 + put(to + 5, body, length);
}

static void postgres_hello(struct connection *c) {
  static const char startup[] = "\0\3\0\0user\0bench\0database\0postgres\0";
  // A statement called "s" with two parameters, an int4 and a bytea.
  static const char parse[] = "s\0INSERT INTO mail (box, body) VALUES ($1, $2)\0\0\2\0\0\0\27\0\0\0\21";
  unsigned char *to = room(c, 1024);
  put_number(to, 4 + sizeof startup);
  size_t length = 4 + put(to + 4, startup, sizeof startup);
  length += postgres_message(to + length, 'P', parse, sizeof parse - 1);
  c->out_length += length + postgres_message(to + length, 'S', NULL, 0);
}

// How many times it says that it is ready for the next transaction, up to `most`.
static int postgres_ready(struct connection *c, size_t *used, int most) {
  int count = 0;
  while (count < most && c->in_length - *used >= 5) {
    unsigned char *message = c->in + *used;
    size_t length = 1 + ((size_t)message[1] << 24 | message[2] << 16 | message[3] << 8 | message[4]);
    if (c->in_length - *used < length) break;
    if (message[0] == 'E') die("unexpected answer", message + 5, length - 5);
    if (message[0] == 'Z') count++;
    *used += length;
  }
  return count;
}

// After the startup, and after the statement.
static size_t postgres_greeting(struct connection *c) {
  size_t used = 0;
  return postgres_ready(c, &used, 2) < 2 ? 0 : used;
}

static size_t postgres_frame(struct connection *c, unsigned char *to) {
  // Bind with two parameters in their binary form, Execute without a limit, Sync.
  static const unsigned char head[] = {0, 's', 0, 0, 1, 0, 1, 0, 2, 0, 0, 0, 4}, execute[] = {0, 0, 0, 0, 0};
  size_t length = 5 + put(to + 5, head, sizeof head);
  put_number(to + length, c->mailbox);
  put_number(to + length + 4, size);
  length += 8;
  length += put(to + length, next_body(), size);
  length += put(to + length, "\0", 2);
  to[0] = 'B';
  put_number(to + 1, length - 1);
  length += postgres_message(to + length, 'E', execute, sizeof execute);
  return length + postgres_message(to + length, 'S', NULL, 0);
}

static int postgres_answers(struct connection *c, size_t *used) { return postgres_ready(c, used, 1 << 30); }

// ---- RabbitMQ: AMQP 0-9-1, publisher confirms, a quorum queue for each sender

static size_t amqp_text(unsigned char *to, const char *text) {
  to[0] = strlen(text);
  return 1 + put(to + 1, text, to[0]);
}

// A frame: its kind, its channel, the length of what comes after that, and a closing byte.
static size_t amqp_frame_end(unsigned char *to, int what, int channel, size_t length) {
  to[0] = what;
  to[1] = 0;
  to[2] = channel;
  put_number(to + 3, length);
  to[7 + length] = 0xce;
  return 8 + length;
}

// A frame with a method, by its class and its number, and its arguments.
static void amqp_method(struct connection *c, int channel, int class, int method, const void *arguments, size_t length) {
  unsigned char *to = room(c, 12 + length);
  put_number(to + 7, class << 16 | method);
  put(to + 11, arguments, length);
  c->out_length += amqp_frame_end(to, 1, channel, 4 + length);
}

static void amqp_hello(struct connection *c) {
  // None of these depends on an answer: Start-Ok, Tune-Ok with frames of 128 KiB and no heartbeat, Open of "/", a channel, the queue, confirms.
  static const char start_ok[] = "\0\0\0\0\5PLAIN\0\0\0\14\0guest\0guest\5en_US";
  static const char tune_ok[] = "\0\1\0\2\0\0\0\0", open[] = "\1/\0\0";
  static const char quorum[] = "\0\0\0\30\14x-queue-typeS\0\0\0\6quorum";
  unsigned char declare[128] = {0, 0};
  char name[32];
  sprintf(name, "mail%d", c->number);
  size_t length = 2 + amqp_text(declare + 2, name);
  declare[length++] = 2;
  length += put(declare + length, quorum, sizeof quorum - 1);
  c->out_length += put(room(c, 8), "AMQP\0\0\11\1", 8);
  amqp_method(c, 0, 10, 11, start_ok, sizeof start_ok - 1);
  amqp_method(c, 0, 10, 31, tune_ok, sizeof tune_ok - 1);
  amqp_method(c, 0, 10, 40, open, sizeof open - 1);
  amqp_method(c, 1, 20, 10, "", 1);
  amqp_method(c, 1, 50, 10, declare, length);
  amqp_method(c, 1, 85, 10, "", 1);
}

// Reads the next frame of the input: its class and method, or 0. Returns its length in bytes, or 0 if it is not complete.
static size_t amqp_next(struct connection *c, size_t at, uint32_t *method) {
  const unsigned char *frame = c->in + at;
  size_t have = c->in_length - at;
  if (have < 8) return 0;
  size_t whole = 8 + ((size_t)frame[3] << 24 | frame[4] << 16 | frame[5] << 8 | frame[6]);
  if (have < whole) return 0;
  *method = frame[0] != 1 ? 0 : (uint32_t)frame[7] << 24 | frame[8] << 16 | frame[9] << 8 | frame[10];
  if (*method == (10 << 16 | 50) || *method == (20 << 16 | 40)) die("it closes", frame + 11, whole - 12);
  return whole;
}

static size_t amqp_greeting(struct connection *c) {
  uint32_t method = 0;
  for (size_t used = 0, whole; (whole = amqp_next(c, used, &method)) > 0;) {
    used += whole;
    if (method == (85 << 16 | 11)) return used;
  }
  return 0;
}

static size_t amqp_publish(struct connection *c, unsigned char *to) {
  char name[32];
  sprintf(name, "mail%d", c->mailbox);
  unsigned char *at = to;
  // Publish to the queue of this name; a header that says "persistent"; the body.
  put_number(at + 7, 60 << 16 | 40);
  put(at + 11, "\0\0\0", 3);
  size_t length = 7 + amqp_text(at + 14, name);
  at[7 + length++] = 0;
  at += amqp_frame_end(at, 1, 1, length);
  put(at + 7, "\0\74\0\0\0\0\0\0", 8);
  put_number(at + 15, size);
  put(at + 19, "\20\0\2", 3);
  at += amqp_frame_end(at, 2, 1, 15);
  put(at + 7, next_body(), size);
  at += amqp_frame_end(at, 3, 1, size);
  return at - to;
}

// Acks of one queue come in order, and one may confirm all before it.
static int amqp_answers(struct connection *c, size_t *used) {
  uint32_t method;
  int count = 0;
  for (size_t whole; (whole = amqp_next(c, *used, &method)) > 0; *used += whole) {
    if (method != (60 << 16 | 80)) die("unexpected answer", c->in + *used, whole);
    uint64_t tag = 0;
    for (int n = 0; n < 8; n++) tag = tag << 8 | c->in[*used + 11 + n];
    if (tag <= c->answered + count) die("acks out of order", c->in + *used, whole);
    count = tag - c->answered;
  }
  return count;
}

static const struct protocol PROTOCOLS[] = {
    {"detour", detour_hello, a_line, detour_frame, detour_answers, nothing, a_line, detour_request, detour_collect},
    {"redis", nothing, NULL, redis_frame, redis_answers, redis_collector_hello, redis_collector_greeting, redis_request, redis_collect},
    {"nats", nats_hello, nats_greeting, nats_frame, nats_answers, nats_collector_hello, nats_collector_greeting, nats_request, nats_collect},
    {"mqtt", mqtt_hello, mqtt_greeting, mqtt_frame, mqtt_answers, mqtt_collector_hello, mqtt_collector_greeting, NULL, mqtt_collect},
    {"beanstalkd", nothing, NULL, beanstalkd_frame, beanstalkd_answers, beanstalkd_collector_hello, beanstalkd_collector_greeting,
     beanstalkd_request, beanstalkd_collect},
    // These two only store.
    {"postgres", postgres_hello, postgres_greeting, postgres_frame, postgres_answers, NULL, NULL, NULL, NULL},
    {"amqp", amqp_hello, amqp_greeting, amqp_publish, amqp_answers, NULL, NULL, NULL, NULL},
};

const struct protocol *protocol_named(const char *name) {
  for (size_t n = 0; n < sizeof PROTOCOLS / sizeof *PROTOCOLS; n++)
    if (strcmp(PROTOCOLS[n].name, name) == 0) return &PROTOCOLS[n];
  die("no such protocol", name, strlen(name));
}
