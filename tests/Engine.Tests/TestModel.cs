using System.Buffers.Binary;
using System.Text;
using System.Text.Json;
using Nixl.Sdk.Samples.Model;

namespace Nixl.Sdk.Engine.Tests;

/// <summary>A small random model written to a folder in the Hugging Face form, so that every test goes through the loader.</summary>
internal sealed class TestModel : IDisposable
{
    private TestModel(string folder, Dictionary<string, (long[] Shape, float[] Data)> tensors)
    {
        Folder = folder;
        Tensors = tensors;
        Model = LlamaModel.Load(folder);
    }

    internal string Folder { get; }

    internal LlamaModel Model { get; }

    internal Dictionary<string, (long[] Shape, float[] Data)> Tensors { get; }

    internal LlamaConfig Config => Model.Config;

    internal static TestModel Create(
        int layers = 2, int heads = 6, int kvHeads = 2, int headDim = 16, int hidden = 40, int feedForward = 72, int vocabulary = 50,
        bool tied = true, string type = "F32", double ropeTheta = 10_000, int seed = 7, string extraConfig = "")
    {
        var folder = Directory.CreateTempSubdirectory("engine-test-").FullName;
        File.WriteAllText(Path.Combine(folder, "config.json"), $$"""
            { "model_type": "llama", "hidden_act": "silu", "hidden_size": {{hidden}}, "intermediate_size": {{feedForward}},
              "num_hidden_layers": {{layers}}, "num_attention_heads": {{heads}}, "num_key_value_heads": {{kvHeads}}, "head_dim": {{headDim}},
              "max_position_embeddings": 256, "rms_norm_eps": 1e-5, "rope_theta": {{ropeTheta}}, "vocab_size": {{vocabulary}},
              {{extraConfig}} "tie_word_embeddings": {{(tied ? "true" : "false")}} }
            """);
        var random = new Random(seed);
        var tensors = new Dictionary<string, (long[], float[])>();
        Add("model.embed_tokens.weight", 1, vocabulary, hidden);
        for (var l = 0; l < layers; l++)
        {
            Add($"model.layers.{l}.input_layernorm.weight", 1, hidden);
            Add($"model.layers.{l}.self_attn.q_proj.weight", 0.3, heads * headDim, hidden);
            Add($"model.layers.{l}.self_attn.k_proj.weight", 0.3, kvHeads * headDim, hidden);
            Add($"model.layers.{l}.self_attn.v_proj.weight", 0.3, kvHeads * headDim, hidden);
            Add($"model.layers.{l}.self_attn.o_proj.weight", 0.2, hidden, heads * headDim);
            Add($"model.layers.{l}.post_attention_layernorm.weight", 1, hidden);
            Add($"model.layers.{l}.mlp.gate_proj.weight", 0.3, feedForward, hidden);
            Add($"model.layers.{l}.mlp.up_proj.weight", 0.3, feedForward, hidden);
            Add($"model.layers.{l}.mlp.down_proj.weight", 0.2, hidden, feedForward);
        }
        Add("model.norm.weight", 1, hidden);
        if (!tied) Add("lm_head.weight", 1, vocabulary, hidden);
        Write(Path.Combine(folder, "model.safetensors"), tensors, type);
        return new TestModel(folder, tensors);

        void Add(string name, double scale, params long[] shape)
        {
            var data = new float[shape.Aggregate(1L, (a, b) => a * b)];
            // Rounded to what every file type can hold, so that the type does not change the model.
            for (var i = 0; i < data.Length; i++)
                data[i] = BitConverter.UInt32BitsToSingle(BitConverter.SingleToUInt32Bits((float)((random.NextDouble() - 0.5) * 2 * scale)) & 0xFFFF_0000);
            if (type == "F16") for (var i = 0; i < data.Length; i++) data[i] = (float)(Half)data[i];
            tensors.Add(name, (shape, data));
        }
    }

    internal static void Write(string path, Dictionary<string, (long[] Shape, float[] Data)> tensors, string type)
    {
        using var blob = new MemoryStream();
        var header = new Dictionary<string, object>();
        foreach (var (name, (shape, data)) in tensors)
        {
            var begin = blob.Length;
            foreach (var value in data) blob.Write(Bytes(value, type));
            header.Add(name, new { dtype = type, shape, data_offsets = new[] { begin, blob.Length } });
        }
        WriteRaw(path, JsonSerializer.Serialize(header), blob.ToArray());
    }

    internal static void WriteRaw(string path, string header, byte[] data, ulong? length = null)
    {
        using var file = File.Create(path);
        var prefix = new byte[8];
        BinaryPrimitives.WriteUInt64LittleEndian(prefix, length ?? (ulong)Encoding.UTF8.GetByteCount(header));
        file.Write(prefix);
        file.Write(Encoding.UTF8.GetBytes(header));
        file.Write(data);
    }

    public void Dispose()
    {
        Model.Dispose();
        Directory.Delete(Folder, recursive: true);
    }

    private static byte[] Bytes(float value, string type) => type switch
    {
        "F32" => BitConverter.GetBytes(value),
        "F16" => BitConverter.GetBytes((Half)value),
        _ => BitConverter.GetBytes((ushort)(BitConverter.SingleToUInt32Bits(value) >> 16)),
    };
}
