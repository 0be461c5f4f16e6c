using Nixl.Sdk.Samples.Model;

namespace Nixl.Sdk.Engine.Tests;

/// <summary>Files that are truncated, corrupted or made to deceive: always one clear error, never a crash or a large allocation.</summary>
public sealed class SafetensorsTests : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("safetensors-test-").FullName;

    private string FilePath => Path.Combine(_folder, "model.safetensors");

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Fact]
    public void A_good_file_reads_back()
    {
        TestModel.WriteRaw(FilePath, """{"__metadata__":{"format":"pt"},"a":{"dtype":"F32","shape":[2,2],"data_offsets":[0,16]},"b":{"dtype":"I64","shape":[1],"data_offsets":[16,24]}}  """,
            [.. new float[] { 1, 2, 3, 4 }.SelectMany(BitConverter.GetBytes), .. new byte[8]]);
        using var file = SafetensorsFile.Open(FilePath);
        var row = new float[2];
        file.Read(file.Tensors["a"], 2, row);
        Assert.Equal([3, 4], row);
        Assert.Throws<ArgumentOutOfRangeException>(() => file.Read(file.Tensors["a"], 3, row));
        Assert.Contains("I64", Assert.Throws<ModelFormatException>(() => file.Read(file.Tensors["b"], 0, row)).Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("""{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}}""", 7, "truncated")]
    [InlineData("""{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}}""", 9, "the file at")]
    [InlineData("""{"a":{"dtype":"F32","shape":[2],"data_offsets":[4,12]}}""", 12, "overlap or leave a gap")]
    [InlineData("""{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]},"b":{"dtype":"F32","shape":[2],"data_offsets":[4,12]}}""", 12, "overlap or leave a gap")]
    [InlineData("""{"a":{"dtype":"F32","shape":[3],"data_offsets":[0,8]}}""", 8, "but has 8 bytes")]
    [InlineData("""{"a":{"dtype":"F32","shape":[4611686018427387904,4611686018427387904],"data_offsets":[0,8]}}""", 8, "but has 8 bytes")]
    [InlineData("""{"a":{"dtype":"F32","shape":[-2],"data_offsets":[0,8]}}""", 8, "'-2'")]
    [InlineData("""{"a":{"dtype":"F32","shape":[1e3],"data_offsets":[0,8]}}""", 8, "'1e3'")]
    [InlineData("""{"a":{"dtype":"F32","shape":[2],"data_offsets":[8,0]}}""", 8, "data_offsets")]
    [InlineData("""{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,9223372036854775807]}}""", 8, "data_offsets")]
    [InlineData("""{"a":{"dtype":"F32","shape":[2],"data_offsets":[0]}}""", 8, "data_offsets")]
    [InlineData("""{"a":{"dtype":"F32","shape":[1,1,1,1,1,1,1,1,2],"data_offsets":[0,8]}}""", 8, "at most 8")]
    [InlineData("""{"a":{"dtype":7,"shape":[2],"data_offsets":[0,8]}}""", 8, "needs dtype")]
    [InlineData("""{"a":[1,2]}""", 8, "needs dtype")]
    [InlineData("""{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]},"a":{"dtype":"F32","shape":[2],"data_offsets":[8,16]}}""", 16, "there twice")]
    [InlineData("""[]""", 0, "not a JSON object")]
    [InlineData("""{"a":""", 0, "not valid JSON")]
    [InlineData("""{"a":[[[[[[[[[[[[1]]]]]]]]]]]]}""", 0, "not valid JSON")]
    public void A_bad_header_is_refused_with_its_fault(string header, int dataBytes, string fault)
    {
        TestModel.WriteRaw(FilePath, header, new byte[dataBytes]);
        var failure = Assert.Throws<ModelFormatException>(() => SafetensorsFile.Open(FilePath));
        Assert.Contains(fault, failure.Message, StringComparison.Ordinal);
        Assert.Contains(FilePath, failure.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(ulong.MaxValue)]
    [InlineData((ulong)long.MaxValue)]
    [InlineData(90_000_000UL)]
    [InlineData(3UL)]
    public void A_header_length_that_is_not_there_allocates_nothing(ulong length)
    {
        TestModel.WriteRaw(FilePath, "{}", [], length);
        var before = GC.GetAllocatedBytesForCurrentThread();
        Assert.Throws<ModelFormatException>(() => SafetensorsFile.Open(FilePath));
        Assert.InRange(GC.GetAllocatedBytesForCurrentThread() - before, 0, 1 << 20);
    }

    [Fact]
    public void Every_truncation_of_a_model_is_a_clear_error()
    {
        using var test = TestModel.Create(layers: 1, hidden: 8, feedForward: 8, heads: 2, headDim: 4, vocabulary: 6);
        var path = Path.Combine(test.Folder, "model.safetensors");
        var whole = File.ReadAllBytes(path);
        for (var length = 0; length < whole.Length; length += Math.Max(1, whole.Length / 200))
        {
            File.WriteAllBytes(path, whole[..length]);
            Assert.Throws<ModelFormatException>(() => LlamaModel.Load(test.Folder).Dispose());
        }
    }

    [Fact]
    public void Flipped_bits_in_the_header_never_crash()
    {
        using var test = TestModel.Create(layers: 1, hidden: 8, feedForward: 8, heads: 2, headDim: 4, vocabulary: 6);
        var path = Path.Combine(test.Folder, "model.safetensors");
        var whole = File.ReadAllBytes(path);
        var random = new Random(5);
        var refused = 0;
        for (var round = 0; round < 300; round++)
        {
            var broken = whole.ToArray();
            broken[random.Next(400)] ^= (byte)(1 << random.Next(8));
            File.WriteAllBytes(path, broken);
            try
            {
                LlamaModel.Load(test.Folder).Dispose();
            }
            catch (ModelFormatException)
            {
                refused++;
            }
        }
        Assert.InRange(refused, 200, 300);
    }

    [Fact]
    public void Shards_are_found_through_their_index()
    {
        using var test = TestModel.Create();
        var names = test.Tensors.Keys.ToList();
        Dictionary<string, (long[], float[])> Half(int which) => names.Where((_, i) => i % 2 == which).ToDictionary(n => n, n => test.Tensors[n]);
        TestModel.Write(Path.Combine(test.Folder, "model-00001-of-00002.safetensors"), Half(0), "F32");
        TestModel.Write(Path.Combine(test.Folder, "model-00002-of-00002.safetensors"), Half(1), "F32");
        File.Delete(Path.Combine(test.Folder, "model.safetensors"));
        var map = string.Join(",", names.Select((n, i) => $"\"{n}\":\"model-0000{(i % 2) + 1}-of-00002.safetensors\""));
        var index = Path.Combine(test.Folder, "model.safetensors.index.json");
        File.WriteAllText(index, "{\"weight_map\":{" + map + "}}");
        LlamaModel.Load(test.Folder).Dispose();

        File.WriteAllText(index, """{"weight_map":{"a":"../model.safetensors"}}""");
        Assert.Contains("not the name of a file", Assert.Throws<ModelFormatException>(() => LlamaModel.Load(test.Folder)).Message, StringComparison.Ordinal);
        File.WriteAllText(index, """{"weight_map":{"a":"model-00001-of-00002.safetensors"}}""");
        Assert.Contains("in none of the shards", Assert.Throws<ModelFormatException>(() => LlamaModel.Load(test.Folder)).Message, StringComparison.Ordinal);
    }
}
