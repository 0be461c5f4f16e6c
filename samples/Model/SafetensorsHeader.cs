using System.Buffers.Binary;
using System.Text.Json;
using Microsoft.Win32.SafeHandles;

namespace Nixl.Sdk.Samples.Model;

/// <summary>
/// The header of a safetensors file: eight bytes of length, a JSON object, tensor data. Held to what the reference reader
/// demands: data offsets cover the rest of the file without gap or overlap, and sizes follow from type and shape.
/// </summary>
internal static class SafetensorsHeader
{
    private const long MaxHeaderBytes = 100_000_000;
    private const int MaxDimensions = 8;

    internal static Dictionary<string, SafetensorsEntry> Read(string path, SafeFileHandle file)
    {
        var length = RandomAccess.GetLength(file);
        if (length < 8) throw new ModelFormatException($"{path}: {length} bytes; a safetensors file begins with 8 bytes of header length.");
        Span<byte> prefix = stackalloc byte[8];
        SafetensorsFile.ReadExactly(path, file, prefix, 0, "the header length");
        var header = BinaryPrimitives.ReadUInt64LittleEndian(prefix);
        if (header > MaxHeaderBytes || header > (ulong)(length - 8))
            throw new ModelFormatException($"{path}: the header is said to have {header} bytes, but {length - 8} follow (at most {MaxHeaderBytes} are read); truncated, or not a safetensors file.");
        var json = new byte[header];
        SafetensorsFile.ReadExactly(path, file, json, 8, "the header");
        try
        {
            using var document = JsonDocument.Parse(json, new JsonDocumentOptions { MaxDepth = 8 });
            return Parse(path, document.RootElement, 8 + (long)header, length);
        }
        catch (Exception e) when (e is JsonException or InvalidOperationException) // the latter: a string that is no Unicode
        {
            throw new ModelFormatException($"{path}: the header is not valid JSON: {e.Message}", e);
        }
    }

    private static Dictionary<string, SafetensorsEntry> Parse(string path, JsonElement root, long dataStart, long fileLength)
    {
        if (root.ValueKind != JsonValueKind.Object) throw new ModelFormatException($"{path}: the header is not a JSON object.");
        var tensors = new Dictionary<string, SafetensorsEntry>(StringComparer.Ordinal);
        foreach (var property in root.EnumerateObject())
        {
            if (property.Name == "__metadata__") continue;
            var entry = Entry(path, property.Name, property.Value, dataStart, fileLength);
            if (!tensors.TryAdd(entry.Name, entry)) throw new ModelFormatException($"{path}: tensor {entry.Name} is there twice.");
        }
        var end = dataStart;
        foreach (var entry in tensors.Values.OrderBy(t => t.Offset).ThenBy(t => t.Length))
        {
            if (entry.Offset != end)
                throw new ModelFormatException($"{path}: tensor {entry.Name} begins at byte {entry.Offset} where {end} was due; tensors overlap or leave a gap.");
            end += entry.Length;
        }
        if (end != fileLength) throw new ModelFormatException($"{path}: the tensors end at byte {end}, the file at {fileLength}.");
        return tensors;
    }

    private static SafetensorsEntry Entry(string path, string name, JsonElement value, long dataStart, long fileLength)
    {
        if (value.ValueKind != JsonValueKind.Object
            || !value.TryGetProperty("dtype", out var type) || type.ValueKind != JsonValueKind.String
            || !value.TryGetProperty("shape", out var shape) || shape.ValueKind != JsonValueKind.Array
            || !value.TryGetProperty("data_offsets", out var range) || range.ValueKind != JsonValueKind.Array)
            throw new ModelFormatException($"{path}: tensor {name} needs dtype, shape and data_offsets.");
        var sizes = Numbers(path, name, shape, MaxDimensions);
        if (Numbers(path, name, range, 2) is not [var begin, var end] || end < begin || end > fileLength - dataStart)
            throw new ModelFormatException($"{path}: tensor {name} has data_offsets {range.GetRawText()}; the file has {fileLength - dataStart} bytes of data (truncated?).");
        var elementType = type.GetString()!;
        var elementSize = ElementConversion.Size(elementType);
        if (elementSize > 0 && Bytes(sizes, elementSize) != end - begin)
            throw new ModelFormatException($"{path}: tensor {name} is {elementType} {shape.GetRawText()} but has {end - begin} bytes.");
        return new SafetensorsEntry(name, elementType, sizes, dataStart + begin, end - begin);
    }

    /// <summary>The bytes of a tensor, or -1 if there is no such number.</summary>
    private static long Bytes(long[] sizes, int elementSize)
    {
        Int128 bytes = elementSize;
        foreach (var size in sizes)
        {
            bytes *= size;
            if (bytes > long.MaxValue) return -1;
        }
        return (long)bytes;
    }

    private static long[] Numbers(string path, string name, JsonElement array, int limit)
    {
        if (array.GetArrayLength() > limit) throw new ModelFormatException($"{path}: tensor {name} has {array.GetArrayLength()} numbers where at most {limit} are allowed.");
        return [.. array.EnumerateArray().Select(item => item.ValueKind == JsonValueKind.Number && item.TryGetInt64(out var number) && number >= 0
            ? number : throw new ModelFormatException($"{path}: tensor {name} has '{item.GetRawText()}' where a size or offset is due."))];
    }
}
