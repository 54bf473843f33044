#include "tools/bench/plot.hpp"

#include <algorithm>
#include <array>
#include <cmath>

#include "tools/bench/report.hpp"

namespace muster::bench {

namespace {

constexpr double width = 760;
constexpr double height = 420;
constexpr double left = 70;
constexpr double right = width - 20;
constexpr double top = 50;
constexpr double bottom = height - 50;
constexpr double nines_max = 4;  // up to 99.99 % of the requests
constexpr std::array colours = {"#1b6ca8", "#c8553d", "#5b8c5a", "#8e6c8a"};

struct Line {
  Target target{};
  Histogram latencies;
  std::vector<double> rates;
  std::vector<double> costs;
};

std::vector<Line> lines_of(const std::vector<Figures>& runs) {
  std::vector<Line> lines;
  for (const Figures& run : runs) {
    if (!run.problems.empty() || run.latencies.count() == 0) continue;
    auto line = std::ranges::find(lines, run.target, &Line::target);
    if (line == lines.end()) line = lines.insert(lines.end(), Line{.target = run.target});
    line->latencies.merge(run.latencies);
    line->rates.push_back(run.requests_a_second());
    line->costs.push_back(run.a_request(run.user + run.system));
  }
  return lines;
}

// The share of requests at so many nines: 1 is 90 %, 2 is 99 %.
double share_at(double nines) {
  return 1 - std::pow(10, -nines);
}

double micros(Duration time) {
  return std::max(1.0, static_cast<double>(time.count()));
}

std::string number(double value) {
  return decimal(value, 1);
}

std::string line_from(double x1, double y1, double x2, double y2) {
  return "<line class=\"grid\" x1=\"" + number(x1) + "\" y1=\"" + number(y1) + "\" x2=\"" +
         number(x2) + "\" y2=\"" + number(y2) + "\"/>\n";
}

std::string text_at(double x, double y, const std::string& attributes, const std::string& text) {
  return "<text x=\"" + number(x) + "\" y=\"" + number(y) + "\" " + attributes + ">" + text +
         "</text>\n";
}

class Plot {
 public:
  explicit Plot(const std::vector<Line>& lines) {
    double least = 1e9;
    double most = 1;
    for (const Line& line : lines) {
      least = std::min(least, micros(line.latencies.at(0)));
      most = std::max(most, micros(line.latencies.at(share_at(nines_max))));
    }
    low_ = std::floor(std::log10(std::min(least, most)));
    high_ = std::max(low_ + 1, std::ceil(std::log10(most)));
  }

  [[nodiscard]] std::string axes() const {
    std::string svg;
    for (int nines = 0; nines <= static_cast<int>(nines_max); ++nines) {
      const double x = x_of(nines);
      svg += line_from(x, top, x, bottom);
      svg += text_at(x, bottom + 18, middle,
                     decimal(100 * share_at(nines), std::max(0, nines - 2)) + " %");
    }
    for (int decade = static_cast<int>(low_); decade <= static_cast<int>(high_); ++decade) {
      const double us = std::pow(10, decade);
      svg += line_from(left, y_of(us), right, y_of(us));
      svg += text_at(left - 6, y_of(us) + 4, "text-anchor=\"end\"",
                     short_time(Duration{static_cast<Duration::rep>(us)}));
    }
    return svg + text_at((left + right) / 2, height - 12, middle,
                         "share of the requests that were answered within the time");
  }

  // `place`: of the target among all, from 0.
  [[nodiscard]] std::string curve(const Line& line, std::size_t place) const {
    const std::string colour = colours[place % colours.size()];
    std::string points;
    for (int i = 0; i <= points_a_curve; ++i) {
      const double nines = nines_max * i / points_a_curve;
      points += number(x_of(nines)) + "," +
                number(y_of(micros(line.latencies.at(share_at(nines))))) + " ";
    }
    return "<polyline fill=\"none\" stroke=\"" + colour + "\" stroke-width=\"2\" points=\"" +
           points + "\"/>\n" +
           text_at(left + 12, top + 16 + 18 * static_cast<double>(place), "fill=\"" + colour + "\"",
                   std::string{target_name(line.target)} + ": " + decimal(median(line.rates), 0) +
                       " requests/s, " + decimal(median(line.costs), 2) + " us CPU a request");
  }

 private:
  static constexpr int points_a_curve = 200;
  static constexpr const char* middle = "text-anchor=\"middle\"";

  [[nodiscard]] static double x_of(double nines) {
    return left + (right - left) * nines / nines_max;
  }
  [[nodiscard]] double y_of(double us) const {
    return bottom - (bottom - top) * (std::log10(us) - low_) / (high_ - low_);
  }

  double low_ = 0;  // decades of microseconds
  double high_ = 1;
};

std::string title_of(const BenchOptions& options) {
  std::string title = std::to_string(options.clients) + " clients, " +
                      std::to_string(options.outstanding) + " outstanding each, " +
                      std::to_string(options.workers) + " workers, " +
                      std::to_string(options.body_bytes) + " bytes";
  if (options.chunks() > 0) title += ", " + std::to_string(options.parts) + " parts";
  if (options.rate > 0) title += ", " + decimal(options.rate, 0) + " requests/s asked";
  return title;
}

}  // namespace

std::string plot_of(const BenchOptions& options, const std::vector<Figures>& runs) {
  const std::vector<Line> lines = lines_of(runs);
  const Plot plot(lines);
  const std::string size =
      "width=\"" + decimal(width, 0) + "\" height=\"" + decimal(height, 0) + "\"";
  std::string svg = "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 " + decimal(width, 0) +
                    " " + decimal(height, 0) + "\" " + size +
                    " font-family=\"sans-serif\" font-size=\"12\">\n"
                    "<style>.grid { stroke: #ddd }</style>\n"
                    "<rect " +
                    size + " fill=\"white\"/>\n";
  svg += text_at(left, 24, "font-size=\"14\"", title_of(options));
  svg += plot.axes();
  for (std::size_t i = 0; i < lines.size(); ++i)
    svg += plot.curve(lines[i], i);
  return svg + "</svg>\n";
}

}  // namespace muster::bench
