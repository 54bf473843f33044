#include "tools/bench/ledger.hpp"

#include "protocol/check.hpp"

namespace muster::bench {

namespace {

// The low bits of an id are its place, the others count the uses of that place.
constexpr int place_bits = 24;
constexpr std::uint64_t one_use = std::uint64_t{1} << place_bits;

}  // namespace

void Tally::add(const Tally& other) {
  sent += other.sent;
  answered += other.answered;
  errors += other.errors;
  unasked += other.unasked;
  mangled += other.mangled;
  not_sent += other.not_sent;
  if (!other.first_complaint.empty()) complain(other.first_complaint);
}

Ledger::Ledger(std::size_t window) : places_(window) {
  CHECK(window > 0 && window < one_use, "a window that ids have no room for");
  free_.reserve(window);
  for (std::size_t i = window; i > 0; --i) {
    places_[i - 1].id = i - 1;
    free_.push_back(static_cast<std::uint32_t>(i - 1));
  }
}

std::uint64_t Ledger::open(Time since) {
  CHECK(!full(), "a client asks beyond its window");
  Pending& pending = places_[free_.back()];
  free_.pop_back();
  pending.id += one_use;
  pending.since = since;
  pending.parts = 0;
  pending.open = true;
  ++tally.sent;
  return pending.id;
}

Ledger::Pending* Ledger::find(std::uint64_t id) {
  const std::uint64_t place = id & (one_use - 1);
  if (place < places_.size() && places_[place].open && places_[place].id == id) {
    return &places_[place];
  }
  ++tally.unasked;
  return nullptr;
}

void Ledger::close(Pending& pending) {
  CHECK(pending.open, "a request was answered twice");
  pending.open = false;
  free_.push_back(static_cast<std::uint32_t>(&pending - places_.data()));
  ++tally.answered;
}

void Ledger::close_with_error(Pending& pending, std::string sentence) {
  close(pending);
  ++tally.errors;
  tally.complain(std::move(sentence));
}

}  // namespace muster::bench
