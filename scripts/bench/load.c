// The load driver of the bench: so many senders, each with so many messages under way, as fast as the answers come. In C, because a
// driver in Node is slower than what it measures. One thread, one epoll.
//
//   load PROTOCOL HOST PORT SENDERS OUTSTANDING SIZE SECONDS [COUNT [MAILBOXES [BURST]]]
//
// PROTOCOL: detour, redis, nats, mqtt, beanstalkd. After two seconds of warm-up it counts for SECONDS, and prints one line of JSON: answers
// (`all`: with those of the warm-up) and their rate per second, how long an answer took (p50, p99, in microseconds), and how much of a
// processor the driver itself needed. With a COUNT above 0 it sends exactly so many in place of that, without warm-up, however long it takes.
// With MAILBOXES above 0 they go to so many mailboxes in turn (detour only), BURST messages to each: one, unless given. Else each sender has one.

#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define WARM_UP 2.0
#define IN_SIZE (256 * 1024)
// How long answers took is counted in steps of 2 %, from a microsecond on: up to ten minutes.
#define STEPS 1024

struct connection {
  int fd;
  int number;
  int ready;
  uint64_t sent, answered;
  unsigned char *out;
  size_t out_length, out_at;
  unsigned char in[IN_SIZE];
  size_t in_length;
  // When each message that is under way was sent.
  double *sent_at;
};

struct protocol {
  const char *name;
  // What is said when the connection stands. Returns its length.
  size_t (*hello)(struct connection *, unsigned char *);
  // How much of the input is the greeting; 0: not all of it is here. NULL: it greets nobody.
  size_t (*greeting)(struct connection *);
  size_t (*frame)(struct connection *, unsigned char *);
  // How many answers the input begins with, and how many bytes they have.
  int (*answers)(struct connection *, size_t *used);
};

static int outstanding, size, mailboxes, burst;
// Messages that are not sent yet.
static uint64_t left = UINT64_MAX;
static unsigned char *body;
static uint64_t histogram[STEPS];

static double now(void) {
  struct timespec at;
  clock_gettime(CLOCK_MONOTONIC, &at);
  return at.tv_sec + at.tv_nsec / 1e9;
}

static void die(const char *what, const void *detail, size_t length) {
  fprintf(stderr, "load: %s: %.*s\n", what, (int)(length > 200 ? 200 : length), (const char *)detail);
  exit(1);
}

static void fail(const char *what) {
  const char *why = strerror(errno);
  die(what, why, strlen(why));
}

static size_t put(unsigned char *to, const void *bytes, size_t length) {
  memcpy(to, bytes, length);
  return length;
}

static unsigned char *line_end(struct connection *c, size_t from) {
  return memchr(c->in + from, '\n', c->in_length - from);
}

static size_t a_line(struct connection *c) {
  unsigned char *end = line_end(c, 0);
  return end == NULL ? 0 : (size_t)(end + 1 - c->in);
}

static size_t nothing(struct connection *c, unsigned char *to) {
  (void)c;
  (void)to;
  return 0;
}

// Counts whole lines. Each must begin with `word`.
static int lines(struct connection *c, size_t *used, const char *word) {
  int count = 0;
  size_t length = strlen(word);
  for (unsigned char *end; (end = line_end(c, *used)) != NULL; count++) {
    if (memcmp(c->in + *used, word, length) != 0) die("unexpected answer", c->in + *used, end - c->in - *used);
    *used = end + 1 - c->in;
  }
  return count;
}

// ---- detour/1

static size_t detour_hello(struct connection *c, unsigned char *to) {
  // Another run is somebody else: its ids are the same, and would be taken for repeats.
  return sprintf((char *)to, "HELLO version=1 as=load%d-%ld session=1 try=1 heartbeat=3600\n", c->number, (long)getpid());
}

static size_t detour_frame(struct connection *c, unsigned char *to) {
  static uint64_t turn;
  int mailbox = mailboxes > 0 ? (int)(turn++ / burst % mailboxes) : c->number;
  size_t length = sprintf((char *)to, "SEND id=%08llx to=mail%d size=%d\n", (unsigned long long)c->sent, mailbox, size);
  length += put(to + length, body, size);
  to[length] = '\n';
  return length + 1;
}

static int detour_answers(struct connection *c, size_t *used) { return lines(c, used, "STORED "); }

// ---- Redis Streams

static size_t redis_frame(struct connection *c, unsigned char *to) {
  char key[32];
  int key_length = sprintf(key, "mail%d", c->number);
  size_t length = sprintf((char *)to, "*5\r\n$4\r\nXADD\r\n$%d\r\n%s\r\n$1\r\n*\r\n$1\r\nm\r\n$%d\r\n", key_length, key, size);
  length += put(to + length, body, size);
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

// ---- NATS JetStream: each publish names where its answer goes

static size_t nats_hello(struct connection *c, unsigned char *to) {
  return sprintf((char *)to, "CONNECT {\"verbose\":false,\"pedantic\":false}\r\nSUB answers.%d 1\r\nPING\r\n", c->number);
}

static size_t nats_greeting(struct connection *c) {
  // INFO, and the PONG that comes after the subscription.
  unsigned char *pong = memmem(c->in, c->in_length, "PONG\r\n", 6);
  return pong == NULL ? 0 : (size_t)(pong + 6 - c->in);
}

static size_t nats_frame(struct connection *c, unsigned char *to) {
  size_t length = sprintf((char *)to, "PUB mail.%d answers.%d %d\r\n", c->number, c->number, size);
  length += put(to + length, body, size);
  return length + put(to + length, "\r\n", 2);
}

static int nats_answers(struct connection *c, size_t *used) {
  int count = 0;
  for (;;) {
    unsigned char *end = line_end(c, *used);
    if (end == NULL) return count;
    unsigned char *line = c->in + *used;
    if (memcmp(line, "PING", 4) == 0) {
      *used = end + 1 - c->in;
      continue;
    }
    if (memcmp(line, "MSG ", 4) != 0) die("unexpected answer", line, end - line);
    unsigned char *number = end;
    while (number[-1] != ' ') number--;
    size_t whole = end + 1 - c->in + atoi((char *)number) + 2;
    if (whole > c->in_length) return count;
    if (memmem(end, whole - (end - c->in), "\"error\"", 7) != NULL) die("refused", end + 1, whole - (end + 1 - c->in));
    *used = whole;
    count++;
  }
}

// ---- MQTT 3.1.1, quality of service 1

static size_t mqtt_string(unsigned char *to, const char *text) {
  size_t length = strlen(text);
  to[0] = length >> 8;
  to[1] = length & 0xff;
  return 2 + put(to + 2, text, length);
}

static size_t mqtt_head(unsigned char *to, int kind, size_t rest) {
  size_t length = 0;
  to[length++] = kind;
  do {
    to[length++] = (rest & 0x7f) | (rest > 0x7f ? 0x80 : 0);
    rest >>= 7;
  } while (rest > 0);
  return length;
}

static size_t mqtt_hello(struct connection *c, unsigned char *to) {
  char name[32];
  sprintf(name, "load%d", c->number);
  size_t length = mqtt_head(to, 0x10, 10 + 2 + strlen(name));
  length += mqtt_string(to + length, "MQTT");
  length += put(to + length, "\x04\x02\x00\x00", 4);
  return length + mqtt_string(to + length, name);
}

static size_t mqtt_greeting(struct connection *c) { return c->in_length < 4 ? 0 : 4; }

static size_t mqtt_frame(struct connection *c, unsigned char *to) {
  char topic[32];
  sprintf(topic, "mail/%d", c->number);
  size_t length = mqtt_head(to, 0x32, 2 + strlen(topic) + 2 + size);
  length += mqtt_string(to + length, topic);
  int id = 1 + c->sent % 60000;
  to[length++] = id >> 8;
  to[length++] = id & 0xff;
  return length + put(to + length, body, size);
}

static int mqtt_answers(struct connection *c, size_t *used) {
  int count = 0;
  for (; c->in_length - *used >= 4; *used += 4, count++)
    if (c->in[*used] != 0x40) die("unexpected answer", "not a PUBACK", 12);
  return count;
}

// ---- beanstalkd

static size_t beanstalkd_hello(struct connection *c, unsigned char *to) {
  return sprintf((char *)to, "use mail%d\r\n", c->number);
}

static size_t beanstalkd_frame(struct connection *c, unsigned char *to) {
  (void)c;
  size_t length = sprintf((char *)to, "put 0 0 60 %d\r\n", size);
  length += put(to + length, body, size);
  return length + put(to + length, "\r\n", 2);
}

static int beanstalkd_answers(struct connection *c, size_t *used) { return lines(c, used, "INSERTED "); }

static const struct protocol PROTOCOLS[] = {
    {"detour", detour_hello, a_line, detour_frame, detour_answers},
    {"redis", nothing, NULL, redis_frame, redis_answers},
    {"nats", nats_hello, nats_greeting, nats_frame, nats_answers},
    {"mqtt", mqtt_hello, mqtt_greeting, mqtt_frame, mqtt_answers},
    {"beanstalkd", beanstalkd_hello, a_line, beanstalkd_frame, beanstalkd_answers},
};

// ---- the loop

static void flush(struct connection *c) {
  while (c->out_at < c->out_length) {
    ssize_t count = send(c->fd, c->out + c->out_at, c->out_length - c->out_at, MSG_NOSIGNAL);
    if (count < 0 && errno == EAGAIN) return;
    if (count < 0) fail("send");
    c->out_at += count;
  }
  c->out_at = c->out_length = 0;
}

static void fill(struct connection *c, const struct protocol *protocol) {
  if (!c->ready || c->out_length > 0) return;
  double at = now();
  for (; left > 0 && c->sent - c->answered < (uint64_t)outstanding; left--) {
    c->sent_at[c->sent % outstanding] = at;
    c->out_length += protocol->frame(c, c->out + c->out_length);
    c->sent++;
  }
  flush(c);
}

static int step_of(double seconds) {
  double us = seconds * 1e6;
  int step = us <= 1 ? 0 : (int)(log(us) / log(1.02));
  return step < STEPS ? step : STEPS - 1;
}

static double quantile(double share) {
  uint64_t all = 0, seen = 0;
  for (int step = 0; step < STEPS; step++) all += histogram[step];
  int step = 0;
  while (step < STEPS - 1 && (seen += histogram[step]) < all * share) step++;
  return pow(1.02, step);
}

static uint64_t answered(struct connection *c, const struct protocol *protocol, int counting) {
  size_t used = 0;
  if (!c->ready) {
    size_t greeting = protocol->greeting(c);
    if (greeting == 0) return 0;
    c->ready = 1;
    used = greeting;
  }
  int count = protocol->answers(c, &used);
  memmove(c->in, c->in + used, c->in_length - used);
  c->in_length -= used;
  if (counting && count > 0) {
    double at = now(), before = 0;
    int step = 0;
    for (int n = 0; n < count; n++) {
      double sent_at = c->sent_at[(c->answered + n) % outstanding];
      // What was sent together was sent at the same moment.
      if (sent_at != before) step = step_of(at - sent_at);
      before = sent_at;
      histogram[step]++;
    }
  }
  c->answered += count;
  return count;
}

static double cpu(void) {
  struct rusage usage;
  getrusage(RUSAGE_SELF, &usage);
  return usage.ru_utime.tv_sec + usage.ru_stime.tv_sec + (usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1e6;
}

int main(int count, char **words) {
  const char *usage = "load PROTOCOL HOST PORT SENDERS OUTSTANDING SIZE SECONDS [COUNT [MAILBOXES [BURST]]]";
  if (count < 8 || count > 11) die("usage", usage, strlen(usage));
  const struct protocol *protocol = NULL;
  for (size_t n = 0; n < sizeof PROTOCOLS / sizeof *PROTOCOLS; n++)
    if (strcmp(PROTOCOLS[n].name, words[1]) == 0) protocol = &PROTOCOLS[n];
  if (protocol == NULL) die("no such protocol", words[1], strlen(words[1]));
  struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(atoi(words[3]))};
  if (inet_pton(AF_INET, words[2], &address.sin_addr) != 1) die("not an IPv4 address", words[2], strlen(words[2]));
  int senders = atoi(words[4]);
  outstanding = atoi(words[5]);
  size = atoi(words[6]);
  uint64_t fixed = count > 8 ? strtoull(words[8], NULL, 10) : 0;
  if (fixed > 0) left = fixed;
  double seconds = fixed > 0 ? INFINITY : atof(words[7]);
  mailboxes = count > 9 ? atoi(words[9]) : 0;
  burst = count > 10 ? atoi(words[10]) : 1;
  body = malloc(size + 1);
  memset(body, 'x', size);

  int poll = epoll_create1(0);
  for (int number = 0; number < senders; number++) {
    struct connection *c = calloc(1, sizeof *c);
    c->number = number;
    c->out = malloc((size_t)outstanding * (size + 256) + 4096);
    c->sent_at = calloc(outstanding, sizeof *c->sent_at);
    c->fd = socket(AF_INET, SOCK_STREAM, 0);
    if (connect(c->fd, (struct sockaddr *)&address, sizeof address) != 0) fail("connect");
    int on = 1;
    setsockopt(c->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    c->out_length = protocol->hello(c, c->out);
    flush(c);
    c->ready = protocol->greeting == NULL;
    if (fcntl(c->fd, F_SETFL, O_NONBLOCK) != 0) fail("fcntl");
    fill(c, protocol);
    struct epoll_event event = {.events = EPOLLIN | EPOLLOUT | EPOLLET, .data.ptr = c};
    if (epoll_ctl(poll, EPOLL_CTL_ADD, c->fd, &event) != 0) fail("epoll_ctl");
  }

  double begin = now() + (fixed > 0 ? 0 : WARM_UP), end = begin + seconds, busy = 0;
  int counting = 0;
  uint64_t total = 0, all = 0;
  for (double at = now(); at < end && (fixed == 0 || all < fixed); at = now()) {
    if (!counting && at >= begin) {
      counting = 1;
      begin = at;
      end = begin + seconds;
      busy = cpu();
    }
    struct epoll_event events[64];
    int ready = epoll_wait(poll, events, 64, 100);
    for (int n = 0; n < ready; n++) {
      struct connection *c = events[n].data.ptr;
      flush(c);
      for (;;) {
        ssize_t bytes = recv(c->fd, c->in + c->in_length, IN_SIZE - c->in_length, 0);
        if (bytes == 0) die("the server hung up", c->in, c->in_length);
        if (bytes < 0 && errno == EAGAIN) break;
        if (bytes < 0) fail("recv");
        c->in_length += bytes;
        uint64_t got = answered(c, protocol, counting);
        all += got;
        if (counting) total += got;
      }
      fill(c, protocol);
    }
  }
  double took = now() - begin;
  printf("{\"answers\":%llu,\"all\":%llu,\"rate\":%.0f,\"p50\":%.0f,\"p99\":%.0f,\"cpu\":%.2f}\n", (unsigned long long)total, (unsigned long long)all, total / took,
         quantile(0.5), quantile(0.99), (cpu() - busy) / took);
  return 0;
}
