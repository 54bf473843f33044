#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdio>
#include <fstream>
#include <string>

#include "worker_agent/model_server/api_key.hpp"
#include "worker_agent/model_server/model_server_factory.hpp"
#include "worker_agent/model_server/server_url.hpp"

namespace muster::agent {
namespace {

TEST(ServerUrl, IsWhatPathsArePutBehind) {
  EXPECT_EQ(server_url("http://127.0.0.1:8000").value(), "http://127.0.0.1:8000");
  EXPECT_EQ(server_url("http://127.0.0.1:8000/").value(), "http://127.0.0.1:8000");
  EXPECT_EQ(server_url("https://gpu7/llm//").value(), "https://gpu7/llm");
  EXPECT_EQ(server_url("http://[::1]:8000/v1/").value(), "http://[::1]:8000");
  EXPECT_EQ(server_url("http://h/llm/v1").value(), "http://h/llm");
}

TEST(ServerUrl, SaysWhatIsWrong) {
  for (const char* url :
       {"", "127.0.0.1:8000", "ftp://h", "file:///etc/passwd", "http://", "http://h:x",
        "http://h:99999", "http://h/?a", "http://h/#a", "http://h /", "http://h?"}) {
    auto made = server_url(url);
    ASSERT_FALSE(made.ok()) << url << " became " << made.value();
    EXPECT_NE(made.error().find("it should be like http://127.0.0.1:8000"), std::string::npos)
        << made.error();
  }
  auto secret = server_url("http://me:secret@h");
  ASSERT_FALSE(secret.ok());
  EXPECT_EQ(secret.error().find("secret@"), std::string::npos) << "it is not to be logged";
  EXPECT_NE(secret.error().find("server.api_key_file"), std::string::npos);
  EXPECT_EQ(server_url("ftp://h").error(),
            "the model server's url \"ftp://h\" is neither http nor https: it should be like "
            "http://127.0.0.1:8000");
}

struct FileTest : testing::Test {
  FileTest() : file(testing::TempDir() + "muster_file_" + std::to_string(::getpid())) {}
  ~FileTest() override { std::remove(file.c_str()); }
  void write(const std::string& text) const { std::ofstream{file} << text; }
  std::string file;
};

using ApiKeyTest = FileTest;

TEST_F(ApiKeyTest, IsTheFilesContentWithoutSpaceAround) {
  write(" sk-1 \r\n\n");
  ApiKey key{file};
  ASSERT_TRUE(key.refresh().ok());
  EXPECT_EQ(key.value(), "sk-1");
  write("sk-22");
  ASSERT_TRUE(key.refresh().ok());
  EXPECT_EQ(key.value(), "sk-22");
}

TEST_F(ApiKeyTest, StaysWhereTheFileCannotBeUsed) {
  write("sk-1");
  ApiKey key{file};
  ASSERT_TRUE(key.refresh().ok());
  for (const std::string& text :
       {std::string{}, std::string{" \n"}, std::string{"two\nlines"}, std::string{"caf\xc3\xa9"},
        std::string(ApiKey::bytes_max + 1, 'x')}) {
    write(text);
    EXPECT_FALSE(key.refresh().ok()) << text.substr(0, 20);
    EXPECT_FALSE(key.refresh().ok()) << "and again";
    EXPECT_EQ(key.value(), "sk-1");
  }
  std::remove(file.c_str());
  auto missing = key.refresh();
  ASSERT_FALSE(missing.ok());
  EXPECT_EQ(missing.error(),
            "the API key file " + file + " can't be read: No such file or directory");
  EXPECT_EQ(key.value(), "sk-1");
}

TEST_F(ApiKeyTest, IsNoneWithoutAFile) {
  ApiKey key{""};
  EXPECT_TRUE(key.refresh().ok());
  EXPECT_EQ(key.value(), "");
  EXPECT_FALSE(ApiKey{testing::TempDir()}.refresh().ok()) << "a directory";
}

using FactoryTest = FileTest;

TEST_F(FactoryTest, MakesEachKind) {
  ModelServerOptions options;
  auto echo = [&] {
    options.kind = ModelServerKind::echo;
    return make_model_server(options, {});
  }();
  ASSERT_TRUE(echo.ok());
  EXPECT_EQ(echo.value()->fd(), -1);
  options.kind = ModelServerKind::openai;
  auto searching = make_model_server(options, {});
  ASSERT_TRUE(searching.ok());
  EXPECT_GE(searching.value()->fd(), 0);
  options.url = "http://127.0.0.1:1";
  write("key");
  options.api_key_file = file;
  options.ca_file = file;
  EXPECT_TRUE(make_model_server(options, {}).ok());
}

TEST_F(FactoryTest, SaysWhatCannotBeUsed) {
  ModelServerOptions options;
  options.url = "localhost:8000";
  auto url = make_model_server(options, {});
  ASSERT_FALSE(url.ok());
  EXPECT_NE(url.error().find("\"localhost:8000\""), std::string::npos);
  options.url.clear();
  options.api_key_file = file;
  auto key = make_model_server(options, {});
  ASSERT_FALSE(key.ok());
  EXPECT_NE(key.error().find("API key file " + file), std::string::npos);
  options.api_key_file.clear();
  options.ca_file = file;
  auto ca = make_model_server(options, {});
  ASSERT_FALSE(ca.ok());
  EXPECT_EQ(ca.error(), "the CA file " + file + " can't be read: No such file or directory");
}

}  // namespace
}  // namespace muster::agent
