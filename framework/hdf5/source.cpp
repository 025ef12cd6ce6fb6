#include <upconv/framework/hdf5/source.h>

namespace upconv::hdf5 {

namespace {

class SourceHere : public Source {
 public:
  SourceHere(const std::filesystem::path& path, const Hdf5ReadOptions& options)
      : file_(open_input(path, options.file_locking)) {
    contents_ = walk(file_, options);
  }
  void read(std::size_t index, TensorView values) override {
    read_dataset(file_.handle.get(), file_.bytes, contents_.entries.at(index), values);
  }

 private:
  LibraryScope library_;  // before the file, so that it ends after it
  InputFile file_;
};

}  // namespace

std::unique_ptr<Source> open_here(const std::filesystem::path& path, const Hdf5ReadOptions& options) {
  return std::make_unique<SourceHere>(path, options);
}

}  // namespace upconv::hdf5
