using System.Buffers.Binary;
using System.Runtime.InteropServices;
using System.Text.Json;
using Nixl.Sdk.Samples.Model;

namespace Nixl.Sdk.Samples.Weights;

/// <summary>A model folder with random weights (F32) of about a given size: something large enough to be worth measuring. Deleted when disposed.</summary>
internal sealed class SyntheticModel : IDisposable
{
    internal const long MinBytes = 1L << 20;
    internal const long MaxBytes = 16L << 30;

    private static readonly int[] Widths = [2048, 1024, 512, 256, 128];

    private SyntheticModel(string folder) => Folder = folder;

    internal string Folder { get; }

    internal static SyntheticModel Create(long bytes)
    {
        var synthetic = new SyntheticModel(Directory.CreateTempSubdirectory("nixl-weights-").FullName);
        try
        {
            var config = Path.Combine(synthetic.Folder, "config.json");
            File.WriteAllText(config, ConfigOf(bytes));
            using var model = LlamaModel.Allocate(LlamaConfig.Load(config));
            Parallel.ForEach(model.Tensors, Fill);
            Write(Path.Combine(synthetic.Folder, "model.safetensors"), model);
            return synthetic;
        }
        catch
        {
            synthetic.Dispose();
            throw;
        }
    }

    public void Dispose() => Directory.Delete(Folder, recursive: true);

    /// <summary>The usual proportions; as wide as it can be with at least four layers, then as many layers as make the size.</summary>
    private static string ConfigOf(long bytes)
    {
        var hidden = Widths.First(width => width == Widths[^1] || 4 * LayerBytes(width) <= bytes);
        var layers = Math.Max(1, (int)Math.Round(bytes / (double)LayerBytes(hidden)));
        return $$"""
            { "model_type": "llama", "hidden_act": "silu", "hidden_size": {{hidden}}, "intermediate_size": {{4 * hidden}}, "num_hidden_layers": {{layers}},
              "num_attention_heads": {{hidden / 32}}, "num_key_value_heads": 4, "head_dim": 32, "max_position_embeddings": 2048, "rms_norm_eps": 1e-5,
              "rope_theta": 10000, "vocab_size": 258, "tie_word_embeddings": true, "bos_token_id": 256, "eos_token_id": 257 }
            """;
    }

    private static long LayerBytes(long hidden) => sizeof(float) * ((2 * hidden * hidden) + (2 * 4 * 32 * hidden) + (3 * 4 * hidden * hidden) + (2 * hidden));

    private static void Fill(WeightTensor tensor)
    {
        var state = (ulong)tensor.Name.Aggregate(1469598103934665603, (hash, c) => (hash ^ c) * 1099511628211);
        for (var row = 0; row < tensor.RowCount; row++)
            foreach (ref var value in tensor.Row(row))
            {
                state = (state * 6364136223846793005) + 1442695040888963407;
                value = tensor.Rows == 1 ? 1 : ((state >> 40) / (float)(1 << 24) - 0.5f) * 0.1f;
            }
    }

    private static void Write(string path, LlamaModel model)
    {
        var header = new Dictionary<string, SyntheticEntry>(StringComparer.Ordinal);
        var offset = 0L;
        foreach (var tensor in model.Tensors)
        {
            var length = tensor.RowBytes * tensor.RowCount;
            header.Add(tensor.Name, new SyntheticEntry("F32", tensor.Rows == 1 ? [tensor.Columns] : [tensor.Rows, tensor.Columns], [offset, offset + length]));
            offset += length;
        }
        var json = JsonSerializer.SerializeToUtf8Bytes(header);
        using var file = new FileStream(path, FileMode.CreateNew, FileAccess.Write, FileShare.None, bufferSize: 1 << 20);
        Span<byte> length8 = stackalloc byte[8];
        BinaryPrimitives.WriteInt64LittleEndian(length8, json.Length);
        file.Write(length8);
        file.Write(json);
        foreach (var tensor in model.Tensors)
            for (var row = 0; row < tensor.RowCount; row++) file.Write(MemoryMarshal.AsBytes(tensor.Row(row)));
    }

    private sealed record SyntheticEntry(
        [property: System.Text.Json.Serialization.JsonPropertyName("dtype")] string ElementType,
        [property: System.Text.Json.Serialization.JsonPropertyName("shape")] int[] Shape,
        [property: System.Text.Json.Serialization.JsonPropertyName("data_offsets")] long[] Offsets);
}
