// The Agent under chance: brokers that ask, cancel, break off, restart and fall silent, sockets
// that fill up, a model server that comes and goes. Whatever happens:
//
// - never more jobs at once than slots;
// - of each request CHUNKs count 0, 1, 2, ..., a FINAL tells their number, one FINAL or ERROR ends
//   it and nothing comes after it but the answer to a CANCEL;
// - each REQUEST that a broker gave and did not give up by dismissing is answered once all is over;
// - a STATUS repeats the last PROBE's nonce, once, and tells of each REQUEST from before that PROBE
//   which has not had its end before it;
// - a worker that is stopped says DEREGISTER to each broker once, last of all, and ends;
// - the model server is asked to stop only what runs, and never given an id twice.

#include <gtest/gtest.h>

#include <set>

#include "agent_harness.hpp"
#include "protocol/prng.hpp"
#include "tests/support/effort.hpp"

namespace muster::agent::test {
namespace {

struct Asked {
  bool stream = false;
  bool dismissed = false;  // the broker ended the session with it
  std::uint64_t chunks = 0;
  std::uint64_t ends = 0;
  std::uint64_t cancels = 0;
};

class World {
 public:
  World(std::uint64_t seed, std::size_t brokers)
      : chance_(seed),
        h_(options_for(brokers, std::nullopt), seed),
        asked_(brokers),
        connected_(brokers, false) {}

  // Returns how many jobs that took, and how many STATUS were said.
  std::pair<std::uint64_t, std::uint64_t> run(int steps) {
    h_.step(server_is(WorkerState::ready, slots_));
    for (int i = 0; i < steps && !::testing::Test::HasFailure(); ++i) {
      act();
      observe();
    }
    finish();
    return {jobs_, statuses_};
  }

 private:
  std::uint64_t below(std::uint64_t n) { return chance_.below(n); }
  bool one_in(std::uint64_t n) { return below(n) == 0; }
  SessionId any_session() { return SessionId{static_cast<std::uint32_t>(below(asked_.size()))}; }

  void act() {
    const SessionId session = any_session();
    switch (below(19)) {
      case 0:
        if (!connected_[session.value] || one_in(4)) connect(session);
        break;
      case 1:
        if (one_in(6)) dismiss(session);
        break;
      case 2:
        if (connected_[session.value]) h_.hear(session, Reregister{});
        answer_register();
        break;
      case 3:
        h_.writable[session.value] = !one_in(3);
        break;
      case 4:
        if (one_in(5)) {
          slots_ = below(9);
          const auto state = one_in(3) ? WorkerState::unhealthy : WorkerState::ready;
          h_.step(server_is(state, slots_));
        }
        break;
      case 5:
        if (connected_[session.value]) h_.beat(session, below(5), below(3));
        for (std::size_t i = 0; i < h_.beating.size(); ++i)
          h_.beating[i] = connected_[i] && !one_in(20);
        h_.advance(Duration{static_cast<std::int64_t>(below(1'500'000))});
        break;
      case 6:
      case 7:
        cancel(session);
        break;
      case 8:
      case 9:
      case 10:
        ask(session);
        break;
      case 11:
        probe(session);
        break;
      case 12:
        if (connected_[session.value]) h_.hear(session, Drain{one_in(4)});
        break;
      case 13:
        if (one_in(4)) disconnect(session);
        break;
      default:
        work();
    }
    answer_register();
  }

  void connect(SessionId session) {
    connected_[session.value] = true;
    probed_.erase(session);
    h_.step(Connected{session});
    answer_register();
  }

  void disconnect(SessionId session) {
    connected_[session.value] = false;
    probed_.erase(session);
    registers_[session] = 0;
    h_.step(Disconnected{session});
  }

  void answer_register() {
    for (std::uint32_t i = 0; i < asked_.size(); ++i)
      if (connected_[i] && registers_[SessionId{i}] > 0 && one_in(2)) {
        registers_[SessionId{i}] = 0;
        h_.hear(SessionId{i}, Registered{terms_of()});
      }
  }

  void dismiss(SessionId session) {
    if (!connected_[session.value]) return;
    dismissed_.insert(session);
    probed_.erase(session);
    registers_[session] = 0;
    h_.hear(session, Dismiss{ErrorCode::name_taken, "taken"});
    for (auto& [id, asked] : asked_[session.value])
      asked.dismissed = true;
  }

  void ask(SessionId session) {
    if (!connected_[session.value]) return;
    const std::uint64_t id = next_id_++;
    const bool stream = one_in(2);
    // To one that asks though it has dismissed the worker, nothing is owed.
    asked_[session.value][id] = {.stream = stream, .dismissed = dismissed_.contains(session)};
    const auto job = h_.ask(session, id, stream, one_in(20) ? "gpt" : "llama");
    if (!job) return;
    EXPECT_TRUE(used_.insert(*job).second) << "a job id was used twice";
    running_[*job] = {session, stream};
    EXPECT_LE(running_.size(), slots_);
    ++jobs_;
  }

  void cancel(SessionId session) {
    auto& asked = asked_[session.value];
    if (!connected_[session.value] || asked.empty() || dismissed_.contains(session)) return;
    auto it = asked.begin();
    std::advance(it, static_cast<std::ptrdiff_t>(below(asked.size())));
    ++it->second.cancels;
    h_.hear(session, Cancel{WireId{it->first}});
  }

  void probe(SessionId session) {
    if (!connected_[session.value] || dismissed_.contains(session)) return;
    Probed probed{++last_nonce_, {}};
    for (const auto& [id, asked] : asked_[session.value])
      if (!asked.dismissed && asked.ends == 0) probed.unanswered.push_back(BrokerId{id});
    probed_[session] = probed;
    h_.hear(session, Probe{probed.nonce});
  }

  void check(const Status& status, SessionId session) {
    ASSERT_TRUE(probed_.contains(session)) << "a STATUS that no PROBE asked for";
    const Probed probed = probed_.extract(session).mapped();
    EXPECT_EQ(status.nonce, probed.nonce);
    const auto& active = status.info.active;
    for (const BrokerId id : probed.unanswered)
      if (asked_[session.value].at(id.value).ends == 0) {
        EXPECT_EQ(std::count(active.begin(), active.end(), id), 1) << "request " << id.value;
      }
    ++statuses_;
  }

  void work() {
    if (running_.empty()) return;
    auto it = running_.begin();
    std::advance(it, static_cast<std::ptrdiff_t>(below(running_.size())));
    const JobId job = it->first;
    const bool stream = it->second.stream;
    const std::uint64_t what = below(6);
    if (stream && what < 4) {
      h_.part(job, "part");
      return;
    }
    running_.erase(it);
    if (what == 5) {
      h_.step(JobBroke{job, ErrorCode::worker_failed, "It failed.", {}, {}});
    } else {
      h_.done(job);
    }
  }

  void observe() {
    for (const Action& action : h_.actions) {
      if (const auto* stop = std::get_if<StopJob>(&action)) {
        EXPECT_EQ(running_.erase(stop->job), 1u) << "stopped what does not run";
      }
      if (const auto* reopen = std::get_if<ReopenSocket>(&action)) {
        connected_[reopen->session.value] = false;
        probed_.erase(reopen->session);
        registers_[reopen->session] = 0;
        h_.writable[reopen->session.value] = true;
      }
    }
    EXPECT_EQ(running_.size(), h_.agent.jobs_in_hand());
    for (const Said& said : h_.said)
      hear(said);
    h_.clear();
  }

  void hear(const Said& said) {
    EXPECT_EQ(goodbyes_[said.to], 0u) << "said after DEREGISTER";
    if (std::holds_alternative<Deregister>(said.message)) ++goodbyes_[said.to];
    auto& asked = asked_[said.to.value];
    if (const auto* status = std::get_if<Status>(&said.message)) check(*status, said.to);
    if (std::holds_alternative<Register>(said.message)) {
      ++registers_[said.to];
      dismissed_.erase(said.to);
    }
    if (const auto* chunk = std::get_if<Chunk>(&said.message)) {
      Asked& one = asked.at(chunk->id.value);
      EXPECT_TRUE(one.stream);
      EXPECT_EQ(one.ends, 0u);
      EXPECT_EQ(chunk->seq, one.chunks++);
    }
    if (const auto* final = std::get_if<Final>(&said.message)) {
      Asked& one = asked.at(final->id.value);
      EXPECT_EQ(final->seq, one.chunks);
      EXPECT_EQ(++one.ends, 1u);
    }
    if (const auto* error = std::get_if<Error>(&said.message)) {
      Asked& one = asked.at(error->id.value);
      ++one.ends;
      EXPECT_LE(one.ends, 1 + one.cancels);
      if (one.ends > 1) {
        EXPECT_EQ(error->code, ErrorCode::cancelled);
      }
    }
  }

  // Everything comes back and all that runs comes to its end: then each request has been answered.
  // The worker is told to stop before that or after it.
  void finish() {
    for (std::uint32_t i = 0; i < asked_.size(); ++i) {
      h_.writable[i] = true;
      h_.step(Connected{SessionId{i}});
      h_.hear(SessionId{i}, Registered{terms_of()});
    }
    observe();
    const bool drains = one_in(2);
    if (drains) h_.step(StopAsked{});
    observe();
    while (!running_.empty()) {
      const JobId job = running_.begin()->first;
      running_.erase(running_.begin());
      h_.done(job);
    }
    observe();
    EXPECT_EQ(h_.agent.jobs_in_hand(), 0u);
    for (const auto& session : asked_)
      for (const auto& [id, asked] : session)
        EXPECT_TRUE(asked.dismissed || asked.ends >= 1) << "request " << id;
    if (!drains) h_.step(StopAsked{});
    for (std::uint32_t i = 0; i < asked_.size(); ++i)
      h_.beat(SessionId{i});
    h_.step(Tick{true});
    EXPECT_EQ(h_.exit_code(), ExitCode::drained);
    observe();
    for (std::uint32_t i = 0; i < asked_.size(); ++i)
      EXPECT_EQ(goodbyes_[SessionId{i}], 1u);
  }

  Prng chance_;
  Harness h_;
  std::vector<std::map<std::uint64_t, Asked>> asked_;
  std::vector<bool> connected_;
  std::map<SessionId, std::uint64_t> registers_;
  std::set<SessionId> dismissed_;
  std::map<SessionId, std::uint64_t> goodbyes_;
  struct Probed {
    std::uint64_t nonce = 0;
    std::vector<BrokerId> unanswered;
  };
  std::map<SessionId, Probed> probed_;
  std::uint64_t last_nonce_ = 0;
  std::uint64_t statuses_ = 0;
  struct Running {
    SessionId session;
    bool stream = false;
  };
  std::map<JobId, Running> running_;
  std::set<JobId> used_;
  std::uint64_t slots_ = 5;
  std::uint64_t next_id_ = 1;
  std::uint64_t jobs_ = 0;
};

TEST(AgentRandom, KeepsItsPromisesWhateverHappens) {
  std::uint64_t jobs = 0;
  std::uint64_t statuses = 0;
  constexpr auto seeds = muster::test::effort<std::uint64_t>(200, 40);
  for (std::uint64_t seed = 1; seed <= seeds; ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    const auto [some, told] = World{seed, 1 + seed % 3}.run(700);
    jobs += some;
    statuses += told;
    if (HasFailure()) return;
  }
  EXPECT_GT(jobs, 20 * seeds) << "chance has tried too little";
  EXPECT_GT(statuses, 5 * seeds) << "chance has tried too little";
}

}  // namespace
}  // namespace muster::agent::test
