// Connections, and what is counted: one thread, one epoll.

#include "driver.h"
#include <arpa/inet.h>
#include <fcntl.h>
#include <math.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdarg.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

// How long things took is counted in steps of 2 %, from a microsecond on: up to ten minutes.
#define STEPS 1024

const struct protocol *protocol;
enum kind kind;
int outstanding = 1, size;
uint64_t made, stored, delivered, acknowledged, expected;
double timed_from;

static int epoll = -1;
static struct sockaddr_in server;
static uint64_t histogram[STEPS];
// Which messages have come: a bit for each number.
static unsigned char *seen;
static size_t seen_room;

double now(void) {
  struct timespec at;
  clock_gettime(CLOCK_MONOTONIC, &at);
  return at.tv_sec + at.tv_nsec / 1e9;
}

double cpu(void) {
  struct rusage usage;
  getrusage(RUSAGE_SELF, &usage);
  return usage.ru_utime.tv_sec + usage.ru_stime.tv_sec + (usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1e6;
}

void die(const char *what, const void *detail, size_t length) {
  fprintf(stderr, "load: %s: %.*s\n", what, (int)(length > 200 ? 200 : length), (const char *)detail);
  exit(1);
}

void fail(const char *what) {
  const char *why = strerror(errno);
  die(what, why, strlen(why));
}

// ---- what is said and heard

unsigned char *room(struct connection *c, size_t length) {
  if (c->out_length + length > c->out_room) {
    c->out_room = 2 * (c->out_length + length);
    c->out = realloc(c->out, c->out_room);
    if (c->out == NULL) fail("realloc");
  }
  return c->out + c->out_length;
}

void say(struct connection *c, const char *format, ...) {
  unsigned char *to = room(c, 1024);
  va_list words;
  va_start(words, format);
  int length = vsnprintf((char *)to, 1024, format, words);
  va_end(words);
  if (length >= 1024) die("too long", format, strlen(format));
  c->out_length += length;
}

size_t put(unsigned char *to, const void *bytes, size_t length) {
  memcpy(to, bytes, length);
  return length;
}

void flush(struct connection *c) {
  while (c->out_at < c->out_length) {
    ssize_t count = send(c->fd, c->out + c->out_at, c->out_length - c->out_at, MSG_NOSIGNAL);
    if (count < 0 && errno == EAGAIN) return;
    if (count < 0) fail("send");
    c->out_at += count;
  }
  c->out_at = c->out_length = 0;
}

unsigned char *line_end(struct connection *c, size_t from) {
  return memchr(c->in + from, '\n', c->in_length - from);
}

static void use_up(struct connection *c, size_t used) {
  memmove(c->in, c->in + used, c->in_length - used);
  c->in_length -= used;
}

static int greeted(struct connection *c, size_t (*greeting)(struct connection *)) {
  if (c->ready) return 1;
  size_t used = greeting(c);
  if (used == 0) return 0;
  c->ready = 1;
  use_up(c, used);
  return 1;
}

static void take_answers(struct connection *c) {
  if (!greeted(c, protocol->greeting)) return;
  size_t used = 0;
  int count = protocol->answers(c, &used);
  use_up(c, used);
  if (kind == STORE && timed_from > 0) {
    double at = now();
    for (int n = 0, same; n < count; n += same) {
      // What is written together counts as sent at the same moment.
      double sent_at = c->sent_at[(c->answered + n) % outstanding];
      for (same = 1; n + same < count && c->sent_at[(c->answered + n + same) % outstanding] == sent_at;) same++;
      note_time(at - sent_at, same);
    }
  }
  c->answered += count;
  stored += count;
  if (c->answered > c->sent) die("more answers than messages", protocol->name, strlen(protocol->name));
}

static void take_messages(struct connection *c) {
  if (!greeted(c, protocol->collector_greeting)) return;
  size_t used = protocol->collect(c);
  use_up(c, used);
  if (c->in_length == IN_SIZE) die("an answer that is too large", c->in, 100);
  flush(c);
}

// ---- connections

void set_server(const char *host, const char *port) {
  server = (struct sockaddr_in){.sin_family = AF_INET, .sin_port = htons(atoi(port))};
  if (inet_pton(AF_INET, host, &server.sin_addr) != 1) die("not an IPv4 address", host, strlen(host));
  epoll = epoll_create1(0);
}

static void dial(struct connection *c, int greeted) {
  c->fd = socket(AF_INET, SOCK_STREAM, 0);
  if (c->fd < 0 || connect(c->fd, (struct sockaddr *)&server, sizeof server) != 0) fail("connect");
  int on = 1;
  setsockopt(c->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  if (fcntl(c->fd, F_SETFL, O_NONBLOCK) != 0) fail("fcntl");
  c->ready = greeted;
  struct epoll_event event = {.events = EPOLLIN | EPOLLOUT | EPOLLET, .data.ptr = c};
  if (epoll_ctl(epoll, EPOLL_CTL_ADD, c->fd, &event) != 0) fail("epoll_ctl");
}

struct connection *open_sender(int number) {
  struct connection *c = calloc(1, sizeof *c);
  c->number = number;
  c->take = take_answers;
  c->sent_at = calloc(outstanding, sizeof *c->sent_at);
  dial(c, protocol->greeting == NULL);
  protocol->hello(c);
  flush(c);
  return c;
}

struct connection *open_collector(int number, int mailbox, int mailboxes) {
  struct connection *c = calloc(1, sizeof *c);
  c->number = number;
  c->take = take_messages;
  c->mailbox = c->next = mailbox;
  c->mailboxes = mailboxes;
  dial(c, protocol->collector_greeting == NULL);
  protocol->collector_hello(c);
  flush(c);
  return c;
}

void reopen_collector(struct connection *c, int mailbox) {
  close(c->fd);
  c->mailbox = mailbox;
  c->in_length = c->out_length = c->out_at = 0;
  c->leaving = c->left = c->asked = 0;
  dial(c, protocol->collector_greeting == NULL);
  protocol->collector_hello(c);
  flush(c);
}

void await_ready(struct connection *c) {
  for (double end = now() + PATIENCE; !c->ready;) {
    if (now() > end) die("it was not greeted", c->in, c->in_length);
    turn(100);
  }
}

void send_one(struct connection *c) {
  c->sent_at[c->sent % outstanding] = now();
  c->out_length += protocol->frame(c, room(c, size + 256));
  c->sent++;
}

void fill(struct connection *c, int (*more)(struct connection *)) {
  if (!c->ready || c->out_length > 0) return;
  double at = now();
  while (c->sent - c->answered < (uint64_t)outstanding && (more == NULL || more(c))) {
    c->sent_at[c->sent % outstanding] = at;
    c->out_length += protocol->frame(c, room(c, size + 256));
    c->sent++;
  }
  flush(c);
}

static void hear(struct connection *c) {
  if (c->left) return;
  flush(c);
  for (;;) {
    ssize_t bytes = recv(c->fd, c->in + c->in_length, IN_SIZE - c->in_length, 0);
    if (bytes == 0) die("the server hung up", c->in, c->in_length);
    if (bytes < 0 && errno == EAGAIN) return;
    if (bytes < 0) fail("recv");
    c->in_length += bytes;
    c->take(c);
    if (c->left) return;
  }
}

void turn(int timeout) {
  struct epoll_event events[64];
  int ready = epoll_wait(epoll, events, 64, timeout);
  if (ready < 0) fail("epoll_wait");
  for (int n = 0; n < ready; n++) hear(events[n].data.ptr);
}

void turn_until(double at) {
  double wait = at - now();
  if (wait > 0) {
    struct timespec time = {.tv_sec = (time_t)wait, .tv_nsec = (long)((wait - (time_t)wait) * 1e9)};
    struct pollfd any = {.fd = epoll, .events = POLLIN};
    if (ppoll(&any, 1, &time, NULL) < 0) fail("ppoll");
  }
  turn(0);
}

// ---- messages

const unsigned char *next_body(void) {
  static unsigned char *body;
  if (body == NULL) {
    body = malloc(size + 1);
    memset(body, 'x', size + 1);
  }
  uint64_t number = made++;
  if (kind == STORE) return body;
  char head[2 * DIGITS + 1];
  sprintf(head, "%016llx%016llx", (unsigned long long)(now() * 1e9), (unsigned long long)number);
  memcpy(body, head, 2 * DIGITS);
  return body;
}

static uint64_t hexadecimal(const unsigned char *digits) {
  uint64_t value = 0;
  for (int n = 0; n < DIGITS; n++) {
    int digit = digits[n] >= 'a' && digits[n] <= 'f' ? digits[n] - 'a' + 10 : digits[n] - '0';
    if (digit < 0 || digit > 15) die("not a message of this load", digits, 2 * DIGITS);
    value = value << 4 | digit;
  }
  return value;
}

void deliver(struct connection *c, const unsigned char *body, size_t length) {
  if (length != (size_t)size) die("a body of another length", body, length);
  double sent_at = hexadecimal(body) / 1e9;
  uint64_t number = hexadecimal(body + DIGITS);
  if (number >= made) die("a message that was not sent", body, length);
  if (number / 8 >= seen_room) {
    size_t more = 2 * (number / 8 + 1024);
    seen = realloc(seen, more);
    if (seen == NULL) fail("realloc");
    memset(seen + seen_room, 0, more - seen_room);
    seen_room = more;
  }
  c->delivered++;
  unsigned char bit = 1 << number % 8;
  if (seen[number / 8] & bit) die("a message that came twice", body, length);
  seen[number / 8] |= bit;
  delivered++;
  if (kind == LIVE && timed_from > 0 && sent_at >= timed_from) note_time(now() - sent_at, 1);
}

void note_time(double seconds, int count) {
  double us = seconds * 1e6;
  int step = us <= 1 ? 0 : (int)(log(us) / log(1.02));
  histogram[step < STEPS ? step : STEPS - 1] += count;
}

double quantile(double share) {
  uint64_t all = 0, before = 0;
  for (int step = 0; step < STEPS; step++) all += histogram[step];
  int step = 0;
  while (step < STEPS - 1 && (before += histogram[step]) < all * share) step++;
  return pow(1.02, step);
}
