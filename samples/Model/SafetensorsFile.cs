using Microsoft.Win32.SafeHandles;

namespace Nixl.Sdk.Samples.Model;

/// <summary>One tensor of a safetensors file: where its bytes lie in the file.</summary>
/// <param name="Name">The tensor's name.</param>
/// <param name="ElementType">F32, BF16, F16, …</param>
/// <param name="Shape">Sizes, outermost first.</param>
/// <param name="Offset">First byte, from the beginning of the file.</param>
/// <param name="Length">Number of bytes.</param>
public sealed record SafetensorsEntry(string Name, string ElementType, IReadOnlyList<long> Shape, long Offset, long Length);

/// <summary>
/// A safetensors file, read with positioned reads (a file that shrinks under us is an error, not a signal). The whole header
/// is checked before any tensor is read. Safe for concurrent reads.
/// </summary>
public sealed class SafetensorsFile : IDisposable
{
    private readonly SafeFileHandle _file;

    private SafetensorsFile(string path, SafeFileHandle file, IReadOnlyDictionary<string, SafetensorsEntry> tensors)
    {
        Path = path;
        _file = file;
        Tensors = tensors;
    }

    /// <summary>Where the file lies.</summary>
    public string Path { get; }

    /// <summary>Tensors by name.</summary>
    public IReadOnlyDictionary<string, SafetensorsEntry> Tensors { get; }

    /// <summary>Opens a file and checks its header.</summary>
    /// <exception cref="ModelFormatException">The file is missing, truncated or malformed.</exception>
    public static SafetensorsFile Open(string path)
    {
        if (!File.Exists(path)) throw new ModelFormatException($"{path}: no such file.");
        var file = File.OpenHandle(path);
        try
        {
            return new SafetensorsFile(path, file, SafetensorsHeader.Read(path, file));
        }
        catch
        {
            file.Dispose();
            throw;
        }
    }

    /// <summary>Reads elements [<paramref name="first"/>, +<paramref name="to"/>.Length) of a tensor, widened to float.</summary>
    public void Read(SafetensorsEntry entry, long first, Span<float> to)
    {
        ArgumentNullException.ThrowIfNull(entry);
        var size = ElementConversion.Size(entry.ElementType);
        if (size == 0) throw new ModelFormatException($"{Path}: tensor {entry.Name} has element type {entry.ElementType}; expected F32, BF16 or F16.");
        if (first < 0 || first > (entry.Length / size) - to.Length)
            throw new ArgumentOutOfRangeException(nameof(first), $"Elements [{first}, +{to.Length}) of {entry.Length / size} in {entry.Name}.");
        var bytes = new byte[to.Length * size];
        ReadExactly(Path, _file, bytes, entry.Offset + (first * size), entry.Name);
        ElementConversion.ToSingle(entry.ElementType, bytes, to);
    }

    /// <inheritdoc/>
    public void Dispose() => _file.Dispose();

    internal static void ReadExactly(string path, SafeFileHandle file, Span<byte> into, long offset, string what)
    {
        for (var done = 0; done < into.Length;)
        {
            var read = RandomAccess.Read(file, into[done..], offset + done);
            if (read == 0) throw new ModelFormatException($"{path}: ends at byte {offset + done}, inside {what}; the file is truncated.");
            done += read;
        }
    }
}
