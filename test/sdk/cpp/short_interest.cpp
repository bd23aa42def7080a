// Prints every page of a security's history over OpenD's TCP protocol, with the classes that protoc makes of proto/.
// The vendor's C++ SDK is a download from its site and in no package registry. Its example prints the same text.
//
// Arguments: port, a market's number, a code, and optionally the rows per page.
#include <arpa/inet.h>
#include <endian.h>
#include <sha1.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cstring>
#include <iostream>
#include <stdexcept>
#include <string>

#include "InitConnect.pb.h"
#include "Qot_GetShortInterest.pb.h"

namespace {

constexpr uint32_t kInitConnect = 1001;
constexpr uint32_t kGetShortInterest = 3249;
constexpr int32_t kNoEncryption = -1;

// All integers are little-endian.
struct __attribute__((packed)) Header {
  char magic[2];
  uint32_t protocol;
  uint8_t format;  // 0 is protobuf
  uint8_t version;
  uint32_t serial;
  uint32_t body_length;
  uint8_t body_sha1[SHA1_DIGEST_LENGTH];
  uint8_t reserved[8];
};
static_assert(sizeof(Header) == 44, "OpenD's header has 44 bytes");

void Sha1(const std::string& body, uint8_t* digest) {
  SHA1_CTX context;
  SHA1Init(&context);
  SHA1Update(&context, reinterpret_cast<const uint8_t*>(body.data()), body.size());
  SHA1Final(digest, &context);
}

class Connection {
 public:
  explicit Connection(uint16_t port) : socket_(socket(AF_INET, SOCK_STREAM, 0)) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(port);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (connect(socket_, reinterpret_cast<sockaddr*>(&address), sizeof address) != 0) {
      throw std::runtime_error("no connection");
    }
  }
  ~Connection() { close(socket_); }

  // Sends a request and returns its reply. Other frames, such as pushes, are skipped.
  template <typename Response, typename Request>
  Response Call(uint32_t protocol, const Request& request) {
    const uint32_t serial = ++serial_;
    Send(protocol, serial, request.SerializeAsString());
    for (;;) {
      Header header;
      Read(&header, sizeof header);
      std::string body(le32toh(header.body_length), '\0');
      Read(body.data(), body.size());
      uint8_t digest[SHA1_DIGEST_LENGTH];
      Sha1(body, digest);
      if (memcmp(header.magic, "FT", 2) != 0 || memcmp(digest, header.body_sha1, sizeof digest) != 0) {
        throw std::runtime_error("not a frame of OpenD");
      }
      if (le32toh(header.protocol) != protocol || le32toh(header.serial) != serial) continue;
      Response response;
      if (!response.ParseFromString(body)) throw std::runtime_error("not the message of this protocol");
      return response;
    }
  }

 private:
  void Send(uint32_t protocol, uint32_t serial, const std::string& body) {
    Header header{{'F', 'T'}, htole32(protocol), 0, 0, htole32(serial), htole32(body.size()), {}, {}};
    Sha1(body, header.body_sha1);
    const std::string frame = std::string(reinterpret_cast<char*>(&header), sizeof header) + body;
    if (send(socket_, frame.data(), frame.size(), MSG_NOSIGNAL) != static_cast<ssize_t>(frame.size())) {
      throw std::runtime_error("not sent");
    }
  }

  void Read(void* target, size_t size) {
    if (size > 0 && recv(socket_, target, size, MSG_WAITALL) != static_cast<ssize_t>(size)) {
      throw std::runtime_error("disconnected");
    }
  }

  int socket_;
  uint32_t serial_ = 0;
};

void Run(uint16_t port, int market, const std::string& code, const char* num) {
  Connection connection(port);
  InitConnect::Request init;
  init.mutable_c2s()->set_clientver(100);
  init.mutable_c2s()->set_clientid("cpp");
  init.mutable_c2s()->set_packetencalgo(kNoEncryption);
  const auto login = connection.Call<InitConnect::Response>(kInitConnect, init);
  if (login.rettype() != 0) throw std::runtime_error(login.retmsg());

  Qot_GetShortInterest::Request req;
  Qot_GetShortInterest::C2S* c2s = req.mutable_c2s();
  c2s->mutable_security()->set_market(market);
  c2s->mutable_security()->set_code(code);
  if (num != nullptr) c2s->set_num(std::stoi(num));
  std::string next_key;
  do {
    const auto rsp = connection.Call<Qot_GetShortInterest::Response>(kGetShortInterest, req);
    std::cout << rsp.Utf8DebugString();
    next_key = rsp.s2c().nextkey();
    c2s->set_nextkey(next_key);
  } while (!next_key.empty() && next_key != "-1");
}

}  // namespace

int main(int, char** argv) {
  try {
    // The argument after the last one is null.
    Run(std::stoi(argv[1]), std::stoi(argv[2]), argv[3], argv[4]);
  } catch (const std::exception& e) {
    std::cerr << e.what() << std::endl;
    return 1;
  }
}
