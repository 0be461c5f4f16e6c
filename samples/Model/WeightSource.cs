using System.Text.Json;

namespace Nixl.Sdk.Samples.Model;

/// <summary>A model folder's tensors by name: one <c>model.safetensors</c>, or the shards of a <c>model.safetensors.index.json</c>.</summary>
public sealed class WeightSource : IDisposable
{
    private const string Single = "model.safetensors";
    private const string Index = "model.safetensors.index.json";

    private readonly Dictionary<string, SafetensorsFile> _owners = new(StringComparer.Ordinal);
    private readonly List<SafetensorsFile> _files = [];
    private readonly string _folder;

    private WeightSource(string folder) => _folder = folder;

    /// <summary>Opens a folder's weights.</summary>
    /// <exception cref="ModelFormatException">A file is missing or malformed.</exception>
    public static WeightSource Open(string folder)
    {
        ArgumentNullException.ThrowIfNull(folder);
        var source = new WeightSource(folder);
        try
        {
            if (File.Exists(Path.Combine(folder, Index))) source.AddShards(Path.Combine(folder, Index));
            else source.Add(Single);
            return source;
        }
        catch
        {
            source.Dispose();
            throw;
        }
    }

    /// <summary>Whether there is a tensor of that name.</summary>
    public bool Contains(string name) => _owners.ContainsKey(name);

    /// <summary>Reads a tensor, or the part of it that <paramref name="tensor"/> says, into <paramref name="matrix"/>.</summary>
    /// <exception cref="ModelFormatException">There is no such tensor, or it has another shape.</exception>
    internal void Read(WeightTensor tensor, Matrix matrix)
    {
        if (!_owners.TryGetValue(tensor.Name, out var file)) throw new ModelFormatException($"{_folder}: the weights have no tensor {tensor.Name}.");
        var entry = file.Tensors[tensor.Name];
        long[] wanted = tensor.Rows == 1 ? [tensor.Columns] : [tensor.Rows, tensor.Columns];
        if (!entry.Shape.SequenceEqual(wanted))
            throw new ModelFormatException($"{file.Path}: tensor {tensor.Name} is [{string.Join(", ", entry.Shape)}]; config.json makes it [{string.Join(", ", wanted)}].");
        for (var row = 0; row < tensor.RowCount; row++)
            file.Read(entry, ((long)(tensor.FirstRow + row) * tensor.Columns) + tensor.FirstColumn, matrix.Row(row));
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        foreach (var file in _files) file.Dispose();
    }

    private void Add(string name)
    {
        var file = SafetensorsFile.Open(Path.Combine(_folder, name));
        _files.Add(file);
        foreach (var tensor in file.Tensors.Keys)
            if (!_owners.TryAdd(tensor, file)) throw new ModelFormatException($"{file.Path}: tensor {tensor} is in {_owners[tensor].Path} too.");
    }

    private void AddShards(string index)
    {
        try
        {
            using var document = JsonDocument.Parse(File.ReadAllBytes(index), new JsonDocumentOptions { MaxDepth = 8 });
            if (document.RootElement.ValueKind != JsonValueKind.Object || !document.RootElement.TryGetProperty("weight_map", out var map)
                || map.ValueKind != JsonValueKind.Object)
                throw new ModelFormatException($"{index}: no weight_map.");
            var shards = map.EnumerateObject().Select(p => p.Value.ValueKind == JsonValueKind.String ? p.Value.GetString()! : "")
                .Distinct(StringComparer.Ordinal).Order(StringComparer.Ordinal).ToList();
            foreach (var shard in shards)
            {
                // A shard lies beside its index; a path in its name would read elsewhere.
                if (shard.Length == 0 || Path.GetFileName(shard) != shard) throw new ModelFormatException($"{index}: '{shard}' is not the name of a file.");
                Add(shard);
            }
            foreach (var name in map.EnumerateObject().Select(p => p.Name))
                if (!Contains(name)) throw new ModelFormatException($"{index}: tensor {name} is in none of the shards.");
        }
        catch (Exception e) when (e is JsonException or InvalidOperationException) // the latter: a string that is no Unicode
        {
            throw new ModelFormatException($"{index}: not valid JSON: {e.Message}", e);
        }
    }
}
