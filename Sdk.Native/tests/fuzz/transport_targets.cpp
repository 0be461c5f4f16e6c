// What the transports put into metadata and handshakes. The first byte chooses the form.
#include "fuzz/targets.hpp"
#include "transports/fabric/wire.hpp"
#include "transports/local/address.hpp"

#include <string>
#include <string_view>

namespace nixl::fuzz {

namespace {

std::string_view text(input data) {
    return {reinterpret_cast<const char*>(data.data()), data.size()};
}

// What was accepted is encoded to exactly what was accepted.
template <class Form>
void local_form(input data) {
    Form m;
    if (local::decode(text(data), m))
        require(local::encode(m) == text(data), "a local form has one encoding");
}

// Fabric's forms may say the same in more than one way (one key, or the same for each rail), so: stable from then on.
template <class Form>
void fabric_form(input data) {
    Form m;
    if (fabric::decode(text(data), m) != nullptr)
        return;
    std::string first;
    fabric::encode(first, m);
    require(first.size() <= data.size(), "no longer than what was read");
    Form second;
    require(fabric::decode(first, second) == nullptr, "an encoded form decodes");
    std::string third;
    fabric::encode(third, second);
    require(first == third, "encoding is stable");
}

template <class Form>
void add_local(std::vector<bytes>& all, uint8_t kind, const Form& m) {
    const std::string out = local::encode(m);
    bytes& seed = all.emplace_back(1, kind);
    seed.insert(seed.end(), out.begin(), out.end());
}

template <class Form>
void add_fabric(std::vector<bytes>& all, uint8_t kind, const Form& m) {
    std::string out;
    fabric::encode(out, m);
    bytes& seed = all.emplace_back(1, kind);
    seed.insert(seed.end(), out.begin(), out.end());
}

} // namespace

void local_wire(input data) {
    if (data.empty())
        return;
    switch (data[0] % 3) {
    case 0:
        return local_form<local::local_address>(data.subspan(1));
    case 1:
        return local_form<local::region_key>(data.subspan(1));
    default:
        return local_form<local::welcome_bytes>(data.subspan(1));
    }
}

std::vector<bytes> local_seeds() {
    std::vector<bytes> all;
    add_local(all, 0, local::local_address{"nixl-1234-abcdef", 4026531840});
    add_local(all, 1, local::region_key{17, 3, 1, 4096});
    add_local(all, 2, local::welcome_bytes{0x7f0000001000, {}});
    return all;
}

void fabric_wire(input data) {
    if (data.empty())
        return;
    const input rest = data.subspan(1);
    switch (data[0] % 4) {
    case 0:
        return fabric_form<fabric::advertised_address>(rest);
    case 1:
        return fabric_form<fabric::advertised_key>(rest);
    case 2:
        return fabric_form<fabric::endpoint_names>(rest);
    default:
        break;
    }
    uint64_t key = 0;
    if (fabric::decode_key(text(rest), key) == nullptr)
        require(fabric::encode_key(key) == text(rest), "a key has one encoding");
}

std::vector<bytes> fabric_seeds() {
    std::vector<bytes> all;
    add_fabric(all, 0, fabric::advertised_address{"tcp;ofi_rxm", "127.0.0.1", 4711, true, 2});
    add_fabric(all, 1, fabric::advertised_key{{1, 2}, 0x7f0000000000});
    add_fabric(all, 1, fabric::advertised_key{{1}, 0x7f0000000000});
    add_fabric(all, 2, fabric::endpoint_names{"tcp;ofi_rxm", {"0123456789abcdef", "fedcba9876543210"}});
    const std::string key = fabric::encode_key(42);
    bytes& seed = all.emplace_back(1, uint8_t{3});
    seed.insert(seed.end(), key.begin(), key.end());
    return all;
}

} // namespace nixl::fuzz
