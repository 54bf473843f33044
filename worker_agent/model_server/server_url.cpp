#include "worker_agent/model_server/server_url.hpp"

#include <curl/curl.h>

#include <algorithm>
#include <memory>

namespace muster::agent {
namespace {

using UrlHandle = std::unique_ptr<CURLU, decltype(&curl_url_cleanup)>;

std::string part(CURLU* url, CURLUPart which) {
  char* text = nullptr;
  if (curl_url_get(url, which, &text, 0) != CURLUE_OK) return {};
  std::string copy{text};
  curl_free(text);
  return copy;
}

bool drop_end(std::string& text, std::string_view end) {
  if (!text.ends_with(end)) return false;
  text.erase(text.size() - end.size());
  return true;
}

}  // namespace

Result<std::string> server_url(std::string_view configured) {
  const std::string text{configured};
  const auto wrong = [&text](const std::string& what) {
    return failure("the model server's url \"" + text + "\" " + what +
                   ": it should be like http://127.0.0.1:8000");
  };
  const bool printable =
      std::all_of(text.begin(), text.end(), [](char c) { return c > ' ' && c < 0x7f; });
  if (!printable) return wrong("holds a space or a character other than printable ASCII");
  const UrlHandle url{curl_url(), &curl_url_cleanup};
  if (const CURLUcode code = curl_url_set(url.get(), CURLUPART_URL, text.c_str(), 0);
      code != CURLUE_OK)
    return wrong(std::string{"can't be understood ("} + curl_url_strerror(code) + ")");
  const std::string scheme = part(url.get(), CURLUPART_SCHEME);
  if (scheme != "http" && scheme != "https") return wrong("is neither http nor https");
  // Not shown, as the other failures are: this one holds a secret.
  if (!part(url.get(), CURLUPART_USER).empty() || !part(url.get(), CURLUPART_PASSWORD).empty())
    return failure(
        "the model server's url holds a user or a password: a key belongs into the file "
        "that server.api_key_file names");
  if (!part(url.get(), CURLUPART_QUERY).empty() || !part(url.get(), CURLUPART_FRAGMENT).empty() ||
      text.find_first_of("?#") != std::string::npos)
    return wrong("has a query or a fragment");
  std::string base = text;
  while (drop_end(base, "/")) {
  }
  if (drop_end(base, "/v1")) {
    while (drop_end(base, "/")) {
    }
  }
  return base;
}

}  // namespace muster::agent
