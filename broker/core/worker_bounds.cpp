#include "broker/core/worker_bounds.hpp"

#include "broker/core/text.hpp"
#include "broker/core/worker_info.hpp"

namespace muster::broker {

std::optional<std::string> too_much(const std::vector<ModelDescription>& models) {
  std::size_t aliases = 0;
  for (const ModelDescription& model : models)
    aliases += model.aliases.size();
  if (models.size() <= models_max && aliases <= aliases_max) return std::nullopt;
  return "a worker may serve at most " + std::to_string(models_max) + " models with " +
         std::to_string(aliases_max) + " aliases; this one names " + std::to_string(models.size()) +
         " with " + std::to_string(aliases);
}

std::optional<std::string> too_much(const WorkerDescription& info) {
  if (info.labels.size() > labels_max) {
    return "a worker may have at most " + std::to_string(labels_max) + " labels; this one has " +
           std::to_string(info.labels.size());
  }
  const std::string bytes = " is over " + std::to_string(text_bytes_max) + " bytes";
  for (const auto& [name, value] : info.labels) {
    if (value.size() > text_bytes_max) return "the label " + in_quotes(name) + bytes;
  }
  if (info.version.size() > text_bytes_max) return "the version" + bytes;
  return too_much(info.models);
}

}  // namespace muster::broker
