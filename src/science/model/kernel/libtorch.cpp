// The one thing of libtorch that tch has no name for: gradients from that of a tensor, not of a number.

#include <torch/csrc/autograd/autograd.h>

#include <cstring>
#include <exception>
#include <vector>

// Writes the gradients of `count` leaves to `results`, new tensors that the caller owns, from the gradient of
// `output`. Returns null, or a message that the caller frees.
extern "C" char *runner_libtorch_gradients(const at::Tensor *output, const at::Tensor *gradient,
                                           const at::Tensor *const *leaves, size_t count, at::Tensor **results) {
  try {
    std::vector<at::Tensor> inputs;
    for (size_t i = 0; i < count; ++i) inputs.push_back(*leaves[i]);
    auto gradients = torch::autograd::grad({*output}, inputs, {*gradient});
    for (size_t i = 0; i < count; ++i) results[i] = new at::Tensor(gradients[i]);
    return nullptr;
  } catch (const std::exception &error) {
    return strdup(error.what());
  }
}
