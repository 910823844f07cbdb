/* Answers from SavedModels by TensorFlow's C API, with no Python at all.

   A request on standard input, numbers in decimal and sizes in bytes:

     path SIZE \n BYTES                                  the directory of a SavedModel
     output OPERATION INDEX \n                           what to compute
     inputs COUNT \n                                     then, for each of them,
     OPERATION INDEX DTYPE RANK DIMENSION... SIZE \n BYTES

   DTYPE is a TF_DataType. The bytes of a tensor are its numbers, those of a string tensor for each
   element its size, as 8 bytes, and the string. The answer on standard output is "ok SIZE \n BYTES"
   with the numbers, or "error SIZE \n BYTES" with a text. After a minute without a request, or at
   the end of the input, it ends. */

#include <dlfcn.h>
#include <inttypes.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tensorflow/c/c_api.h"
#include "tensorflow/c/tf_tstring.h"

enum { IDLE_SECONDS = 60, NAME = 512, RANK = 16 };

#define READ_NAME "%511s"

static void expect(int right, const char* what) {
  if (!right) {
    fprintf(stderr, "Expected %s\n", what);
    exit(1);
  }
}

/* Opened when it runs: linking with a library of a gigabyte takes 10 to 20 seconds. */
#define EACH_FUNCTION(DO) \
  DO(AllocateTensor) DO(DeleteGraph) DO(DeleteSession) DO(DeleteSessionOptions) \
  DO(DeleteStatus) DO(DeleteTensor) DO(GetCode) DO(GraphOperationByName) \
  DO(LoadSessionFromSavedModel) DO(Message) DO(NewGraph) DO(NewSessionOptions) \
  DO(NewStatus) DO(SessionRun) DO(SetStatus) DO(StringCopy) DO(StringInit) \
  DO(TensorByteSize) DO(TensorData)
#define DECLARED(name) __typeof__(TF_##name)* name;
#define FOUND(name)                                              \
  tf.name = (__typeof__(TF_##name)*)dlsym(library, "TF_" #name); \
  expect(tf.name != NULL, "TF_" #name " in the library");

static struct {
  EACH_FUNCTION(DECLARED)
} tf;

static void open_tensorflow(const char* path) {
  void* library = dlopen(path, RTLD_NOW);
  expect(library != NULL, "the library of TensorFlow");
  EACH_FUNCTION(FOUND)
}

static void* allocate(size_t size) {
  void* bytes = calloc(size ? size : 1, 1);
  expect(bytes != NULL, "memory");
  return bytes;
}

static void* read_bytes(size_t size) {
  char* bytes = allocate(size + 1); /* a zero at the end: a path is a string */
  expect(getchar() == '\n', "the end of a line");
  expect(fread(bytes, 1, size, stdin) == size, "as many bytes as were said");
  return bytes;
}

static void answer(const char* kind, const void* bytes, size_t size) {
  printf("%s %zu\n", kind, size);
  fwrite(bytes, 1, size, stdout);
  fflush(stdout);
}

static TF_Tensor* string_tensor(const int64_t* dims, int rank, const char* bytes, size_t size) {
  size_t count = 1;
  for (int i = 0; i < rank; ++i) count *= (size_t)dims[i];
  TF_Tensor* tensor = tf.AllocateTensor(TF_STRING, dims, rank, count * sizeof(TF_TString));
  TF_TString* strings = tf.TensorData(tensor);
  for (size_t i = 0; i < count; ++i) {
    uint64_t length;
    expect(size >= sizeof length, "the size of a string");
    memcpy(&length, bytes, sizeof length);
    bytes += sizeof length, size -= sizeof length;
    expect(size >= length, "a string");
    tf.StringInit(&strings[i]);
    tf.StringCopy(&strings[i], bytes, length);
    bytes += length, size -= length;
  }
  return tensor;
}

static TF_Tensor* number_tensor(int type, const int64_t* dims, int rank, const char* bytes,
                                size_t size) {
  TF_Tensor* tensor = tf.AllocateTensor((TF_DataType)type, dims, rank, size);
  memcpy(tf.TensorData(tensor), bytes, size);
  return tensor;
}

/* The tensor that stands next on standard input; its name and index go into the arguments. */
static TF_Tensor* read_tensor(char* name, int* index) {
  int type, rank;
  int64_t dims[RANK];
  size_t size;
  expect(scanf(READ_NAME "%d%d%d", name, index, &type, &rank) == 4, "an input");
  expect(0 <= rank && rank <= RANK, "at most 16 dimensions");
  for (int i = 0; i < rank; ++i) expect(scanf("%" SCNd64, &dims[i]) == 1, "a dimension");
  expect(scanf("%zu", &size) == 1, "a size");
  char* bytes = read_bytes(size);
  TF_Tensor* tensor = type == TF_STRING ? string_tensor(dims, rank, bytes, size)
                                        : number_tensor(type, dims, rank, bytes, size);
  free(bytes);
  return tensor;
}

static TF_Output place(TF_Graph* graph, const char* name, int index, TF_Status* status) {
  TF_Output found = {tf.GraphOperationByName(graph, name), index};
  if (found.oper == NULL) tf.SetStatus(status, TF_NOT_FOUND, name);
  return found;
}

/* Loads and runs it; the result is NULL where `status` says why. */
static TF_Tensor* computed(const char* path, char (*names)[NAME], const int* indices,
                           TF_Tensor* const* tensors, int inputs, TF_Status* status) {
  static const char* const tags[] = {"serve"};
  TF_Graph* graph = tf.NewGraph();
  TF_SessionOptions* options = tf.NewSessionOptions();
  TF_Tensor* result = NULL;
  TF_Session* session =
      tf.LoadSessionFromSavedModel(options, NULL, path, tags, 1, graph, NULL, status);
  if (tf.GetCode(status) == TF_OK) {
    TF_Output* places = allocate((size_t)(inputs + 1) * sizeof *places);
    for (int i = 0; i <= inputs && tf.GetCode(status) == TF_OK; ++i)
      places[i] = place(graph, names[i], indices[i], status);
    if (tf.GetCode(status) == TF_OK)
      tf.SessionRun(session, NULL, places + 1, tensors, inputs, places, &result, 1, NULL, 0, NULL,
                    status);
    free(places);
  }
  TF_Status* ignored = tf.NewStatus();
  if (session != NULL) tf.DeleteSession(session, ignored);
  tf.DeleteStatus(ignored);
  tf.DeleteSessionOptions(options);
  tf.DeleteGraph(graph);
  return result;
}

static void answer_request(size_t path_size) {
  int inputs, output;
  char first[NAME];
  char* path = read_bytes(path_size);
  expect(scanf(" output " READ_NAME "%d inputs %d", first, &output, &inputs) == 3, "an output");
  expect(inputs >= 0, "inputs");
  char(*names)[NAME] = allocate((size_t)(inputs + 1) * sizeof *names); /* the output's is first */
  int* indices = allocate((size_t)(inputs + 1) * sizeof *indices);
  TF_Tensor** tensors = allocate((size_t)(inputs + 1) * sizeof *tensors);
  memcpy(names[0], first, sizeof first);
  indices[0] = output;
  for (int i = 0; i < inputs; ++i) tensors[i] = read_tensor(names[i + 1], &indices[i + 1]);
  TF_Status* status = tf.NewStatus();
  TF_Tensor* result = computed(path, names, indices, tensors, inputs, status);
  if (result != NULL) {
    answer("ok", tf.TensorData(result), tf.TensorByteSize(result));
    tf.DeleteTensor(result);
  } else {
    answer("error", tf.Message(status), strlen(tf.Message(status)));
  }
  tf.DeleteStatus(status);
  for (int i = 0; i < inputs; ++i) tf.DeleteTensor(tensors[i]);
  free(tensors), free(indices), free(names), free(path);
}

int main(int count, char** arguments) {
  size_t path_size;
  expect(count == 2, "the path of libtensorflow_cc");
  open_tensorflow(arguments[1]);
  for (;;) {
    alarm(IDLE_SECONDS); /* its signal ends the process */
    if (scanf(" path %zu", &path_size) != 1) return 0;
    alarm(0);
    answer_request(path_size);
  }
}
