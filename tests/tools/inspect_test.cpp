// upconv-inspect, run as a user runs it, and the numbers that it prints.

#include "examples/program.h"
#include "inspect_table.h"
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <upconv/framework/version.h>

namespace {

using examples::Outcome;
using testing::AllOf;
using testing::HasSubstr;
using testing::Not;
using upconv::Tensor;

TEST(InspectNumbers, HaveCommasBetweenThousands) {
  EXPECT_EQ(inspect::grouped(0), "0");
  EXPECT_EQ(inspect::grouped(999), "999");
  EXPECT_EQ(inspect::grouped(1000), "1,000");
  EXPECT_EQ(inspect::grouped(1234567), "1,234,567");
  EXPECT_EQ(inspect::grouped(~std::uint64_t{0}), "18,446,744,073,709,551,615");
}

TEST(InspectNumbers, SizesHaveUnitsAndThreeDigits) {
  EXPECT_EQ(inspect::size_text(0), "0 B");
  EXPECT_EQ(inspect::size_text(999), "999 B");
  EXPECT_EQ(inspect::size_text(1000), "1.00 kB");
  EXPECT_EQ(inspect::size_text(37632), "37.6 kB");
  EXPECT_EQ(inspect::size_text(99'949), "99.9 kB");
  EXPECT_EQ(inspect::size_text(99'951), "100 kB");
  EXPECT_EQ(inspect::size_text(999'499), "999 kB");
  EXPECT_EQ(inspect::size_text(999'500), "1.00 MB");
  EXPECT_EQ(inspect::size_text(123'456'789), "123 MB");
  EXPECT_EQ(inspect::size_text(~std::uint64_t{0}), "18.4 EB");
}

TEST(InspectModules, AreSummedByTheFirstPartsOfNames) {
  std::vector<upconv::Hdf5Entry> entries;
  for (const char* name :
       {"encoder.0.weight", "encoder.0.bias", "encoder.10.weight", "scale", "decoder.weight"}) {
    upconv::Hdf5Entry& entry = entries.emplace_back();
    entry.name = name;
    entry.shape = {10};
    entry.dtype = upconv::DType::f32;
    entry.stored_bytes = 40;
  }
  const auto names = [&](std::size_t depth) {
    std::string text;
    for (const inspect::Module& module : inspect::modules(entries, depth))
      text += module.name + ':' + std::to_string(module.totals.entries) + ' ';
    return text;
  };
  EXPECT_EQ(names(0), ":5 ");
  EXPECT_EQ(names(1), "encoder:3 :1 decoder:1 ");
  EXPECT_EQ(names(2), "encoder.0:2 encoder.10:1 :1 decoder:1 ");
  EXPECT_EQ(names(9), names(2));
}

class Inspect : public examples::ProgramTest {
 protected:
  Inspect() : ProgramTest(INSPECT_PROGRAM) {
    upconv::StateDict weights;
    weights.insert("encoder.0.weight", Tensor::full({64, 32, 7, 7}, 0.5));
    weights.insert("encoder.0.bias", Tensor::full({64}, 0.5, upconv::DType::bf16));
    weights.insert("decoder.weight", Tensor::full({1500}, 0.5));
    upconv::write_hdf5(folder_ / "w.h5", weights);
  }
};

TEST_F(Inspect, PrintsEntriesSubtotalsAndTheSum) {
  const Outcome result = run("w.h5");
  EXPECT_EQ(result.exit_code, 0) << result.err;
  EXPECT_EQ(result.out,
            "name              shape        dtype  stored as  in the file  layout\n"
            "encoder.0.weight  [64,32,7,7]  f32    float32         401 kB  contiguous\n"
            "encoder.0.bias    [64]         bf16   bfloat16         128 B  contiguous\n"
            "decoder.weight    [1500]       f32    float32        6.00 kB  contiguous\n"
            "\n"
            "module   entries   values  in memory  in the file\n"
            "encoder        2  100,416     402 kB       402 kB\n"
            "decoder        1    1,500    6.00 kB      6.00 kB\n"
            "total          3  101,916     408 kB       408 kB\n");
  EXPECT_THAT(run("w.h5 --depth 2").out, HasSubstr("\nencoder.0 "));
}

TEST_F(Inspect, JsonIsForPrograms) {
  const Outcome result = run("w.h5 --json --prefix decoder.");
  EXPECT_EQ(result.exit_code, 0) << result.err;
  EXPECT_EQ(result.out, R"({
  "file": "w.h5",
  "entries": [
    {
      "name": "weight",
      "path": "/decoder.weight",
      "shape": [
        1500
      ],
      "dtype": "f32",
      "stored_type": "float32",
      "bytes": 6000,
      "stored_bytes": 6000,
      "layout": "contiguous",
      "chunk": [],
      "filters": []
    }
  ],
  "totals": {
    "entries": 1,
    "refused": 0,
    "values": 1500,
    "bytes": 6000,
    "stored_bytes": 6000
  }
}
)");
}

TEST_F(Inspect, ColoursATerminalAlone) {
  const char* const kEscape = "\033[";
  EXPECT_THAT(run("w.h5").out, Not(HasSubstr(kEscape)));
  const auto on_terminal = [&](const std::string& environment) {
    return examples::run_program(
               "/usr/bin/env", folder_,
               "TERM=xterm " + environment + " script -qec '" + program_ + " w.h5' /dev/null")
        .out;
  };
  if (examples::run_program("/usr/bin/env", folder_, "script --version").exit_code != 0)
    GTEST_SKIP() << "no script(1) here";
  EXPECT_THAT(on_terminal(""), HasSubstr(kEscape));
  EXPECT_THAT(on_terminal("NO_COLOR=1"), AllOf(Not(HasSubstr(kEscape)), HasSubstr("decoder.weight")));
  EXPECT_THAT(on_terminal("TERM=dumb"), Not(HasSubstr(kEscape)));
}

TEST_F(Inspect, IsolatesOnRequest) {
  EXPECT_EQ(run("w.h5 --isolate --verify").out, run("w.h5").out);
  const std::string cycle = std::string("'") + UPCONV_CRASHING_FILES + "/h1_btree_child_is_itself.h5'";
  const Outcome result = run(cycle + " --isolate");
  EXPECT_EQ(result.exit_code, 2);
  EXPECT_EQ(result.out, "");
  EXPECT_THAT(result.err, HasSubstr("h1_btree_child_is_itself.h5': the HDF5 library crashed on it (signal "));
}

TEST_F(Inspect, TellsItsVersion) {
  const Outcome result = run("--version");
  EXPECT_EQ(result.exit_code, 0);
  EXPECT_EQ(result.out, "upconv-inspect " + std::string(upconv::version()) + "\n");
}

}  // namespace
