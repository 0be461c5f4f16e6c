using System.Buffers.Binary;
using System.Text;
using System.Text.Json;
using TorchSharp;
using static TorchSharp.torch;

namespace Nixl.Sdk.Samples.Trainer;

/// <summary>Writes and reads a folder with config.json and model.safetensors (bf16), as Hugging Face names them.</summary>
internal static class Checkpoint
{
    internal static void Save(string folder, ModelShape shape, LlamaNetwork network)
    {
        Directory.CreateDirectory(folder);
        using var scope = torch.NewDisposeScope();
        var header = new Dictionary<string, object> { ["__metadata__"] = new Dictionary<string, string> { ["format"] = "pt" } };
        List<byte[]> blobs = [];
        long offset = 0;
        foreach (var (name, parameter) in network.Parameters.OrderBy(p => p.Key, StringComparer.Ordinal))
        {
            var bytes = parameter.detach().bfloat16().contiguous().bytes.ToArray();
            header[name] = new { dtype = "BF16", parameter.shape, data_offsets = new[] { offset, offset + bytes.Length } };
            blobs.Add(bytes);
            offset += bytes.Length;
        }
        var json = JsonSerializer.Serialize(header);
        json = json.PadRight((json.Length + 7) / 8 * 8); // tensor data starts aligned
        // Written beside and renamed, so that a reader never sees half a model.
        var path = Path.Combine(folder, "model.safetensors");
        using (var file = File.Create(path + ".part"))
        {
            Span<byte> length = stackalloc byte[8];
            BinaryPrimitives.WriteInt64LittleEndian(length, json.Length);
            file.Write(length);
            file.Write(Encoding.ASCII.GetBytes(json));
            foreach (var blob in blobs) file.Write(blob);
        }
        File.Move(path + ".part", path, overwrite: true);
        File.WriteAllText(Path.Combine(folder, "config.json"), shape.ToConfigJson());
    }

    /// <summary>Puts the weights of a folder that <see cref="Save"/> wrote into <paramref name="network"/>.</summary>
    internal static void Load(string folder, LlamaNetwork network)
    {
        var file = File.ReadAllBytes(Path.Combine(folder, "model.safetensors"));
        var length = (int)BinaryPrimitives.ReadInt64LittleEndian(file);
        using var header = JsonDocument.Parse(file.AsMemory(8, length));
        using var scope = torch.NewDisposeScope();
        using var noGrad = torch.no_grad();
        foreach (var (name, parameter) in network.Parameters)
        {
            var entry = header.RootElement.GetProperty(name);
            var from = 8 + length + (int)entry.GetProperty("data_offsets")[0].GetInt64();
            var loaded = torch.empty(parameter.shape, ScalarType.BFloat16);
            file.AsSpan(from, (int)(parameter.numel() * 2)).CopyTo(loaded.bytes);
            parameter.copy_(loaded.to(ScalarType.Float32));
        }
    }
}
