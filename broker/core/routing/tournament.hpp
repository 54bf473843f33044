#pragma once

// Tournament: what each of many seats counts for, and what all of them count for together, kept
// while single seats change. A binary tree in one array: each node is the join of the two below it,
// so a seat is changed in O(log seats), and found in as much by walking down from the root.
//
// A Node is a value with `==`, made without arguments by an empty seat, and
// `static Node join(const Node&, const Node&)`, for which such a node changes nothing.

#include <bit>
#include <cstddef>
#include <vector>

namespace muster::broker {

template <class Node>
class Tournament {
 public:
  [[nodiscard]] const Node& all() const { return nodes_[1]; }
  [[nodiscard]] std::size_t seats() const { return seats_; }
  // REQUIRES: seat < seats().
  [[nodiscard]] const Node& at(std::size_t seat) const { return nodes_[seats_ + seat]; }

  // At least so many seats from now on; what is in those that there were stays.
  void make_room(std::size_t seats) {
    if (seats <= seats_) return;
    const std::size_t more = std::bit_ceil(seats);
    std::vector<Node> nodes(2 * more);
    for (std::size_t seat = 0; seat < seats_; ++seat)
      nodes[more + seat] = at(seat);
    for (std::size_t i = more - 1; i > 0; --i)
      nodes[i] = Node::join(nodes[2 * i], nodes[2 * i + 1]);
    nodes_ = std::move(nodes);
    seats_ = more;
  }

  // REQUIRES: seat < seats().
  void set(std::size_t seat, const Node& node) {
    std::size_t i = seats_ + seat;
    nodes_[i] = node;
    while (i > 1) {
      i /= 2;
      const Node joined = Node::join(nodes_[2 * i], nodes_[2 * i + 1]);
      if (joined == nodes_[i]) return;  // nor does anything above it change
      nodes_[i] = joined;
    }
  }

  // Walks down to a seat: `goes_left(left, right)` says where on, of the two nodes below.
  template <class GoesLeft>
  [[nodiscard]] std::size_t find(GoesLeft goes_left) const {
    std::size_t i = 1;
    while (i < seats_)
      i = 2 * i + (goes_left(nodes_[2 * i], nodes_[2 * i + 1]) ? 0 : 1);
    return i - seats_;
  }

 private:
  std::size_t seats_ = 1;                           // a power of two
  std::vector<Node> nodes_ = std::vector<Node>(2);  // from 1 on; the seats are the last of them
};

}  // namespace muster::broker
