// Matches names with patterns as the server does. Each line of the input is a pattern and names, as `x` and hexadecimal
// digits each. Each line of the output is `!` if the pattern does not compile, otherwise one character for each name:
// `1` if the whole name matches, `0` if not, `?` if that takes too long.
#include <cstddef>
#include <iostream>
#include <iterator>
#include <regex>
#include <sstream>
#include <string>

struct TooLong {};

static long steps;

// A position in a name. `std::regex` searches by trial and error, for some patterns for years: each look at a position
// is counted.
class Position {
public:
    using iterator_category = std::bidirectional_iterator_tag;
    using value_type = char;
    using difference_type = std::ptrdiff_t;
    using pointer = const char*;
    using reference = const char&;

    Position() = default;
    explicit Position(const char* at) : at(at) {}
    reference operator*() const { return *counted(); }
    Position& operator++() { ++at; return *this; }
    Position operator++(int) { return Position(at++); }
    Position& operator--() { --at; return *this; }
    Position operator--(int) { return Position(at--); }
    bool operator==(const Position& other) const { return counted() == other.at; }
    bool operator!=(const Position& other) const { return counted() != other.at; }

private:
    const char* counted() const {
        if (++steps > 20000) throw TooLong();
        return at;
    }

    const char* at = nullptr;
};

static char match(const std::string& name, const std::regex& pattern) {
    steps = 0;
    try {
        const Position begin(name.data()), end(name.data() + name.size());
        return std::regex_match(begin, end, pattern) ? '1' : '0';
    } catch (const TooLong&) {
        return '?';
    } catch (const std::regex_error&) { // error_complexity, error_stack
        return '?';
    }
}

static std::string decode(const std::string& field) {
    std::string bytes;
    for (size_t at = 1; at + 1 < field.size(); at += 2) {
        bytes.push_back(static_cast<char>(std::stoi(field.substr(at, 2), nullptr, 16)));
    }
    return bytes;
}

int main() {
    std::ios::sync_with_stdio(false);
    for (std::string line; std::getline(std::cin, line);) {
        std::istringstream fields(line);
        std::string field;
        fields >> field;
        try {
            const std::regex pattern(decode(field));
            std::string matches;
            while (fields >> field) {
                matches.push_back(match(decode(field), pattern));
            }
            std::cout << matches << '\n';
        } catch (const std::regex_error&) {
            std::cout << "!\n";
        }
    }
}
