using System.Buffers.Binary;
using System.Text;

namespace Nixl.Sdk.Samples.Trainer;

/// <summary>
/// LibTorchSharp 0.107 was built with GCC 13 and asks for one symbol, the start-up hook of iostream, that Debian 12's
/// libstdc++ does not have. Its streams are started by every other library, so the hook may do nothing there: in our copy
/// beside the program the demand for GLIBCXX_3.4.32 is made weak and the hook is pointed at <c>tzset</c>.
/// Nothing happens when the file no longer has the symbol.
/// </summary>
internal static class OlderLibstdcxx
{
    private const string Hook = "_ZSt21ios_base_library_initv";
    private const string Harmless = "tzset"; // void(void), in libc
    private const string Version = "GLIBCXX_3.4.32";
    private const ushort Weak = 2;           // VER_FLG_WEAK
    private const ushort AnyVersion = 1;     // VER_NDX_GLOBAL

    internal static void Adapt(string folder)
    {
        var path = Path.Combine(folder, "libLibTorchSharp.so");
        if (!OperatingSystem.IsLinux() || !File.Exists(path)) return;
        var elf = File.ReadAllBytes(path);
        var names = Section(elf, ".dynstr");
        var symbols = Section(elf, ".dynsym");
        var versions = Section(elf, ".gnu.version");
        for (var i = 0; i < symbols.Length / 24; i++)
        {
            var name = names.Offset + (int)Read32(elf, symbols.Offset + (i * 24));
            if (!Matches(elf, name, Hook)) continue;
            Encoding.ASCII.GetBytes(Harmless + "\0").CopyTo(elf, name);
            Write16(elf, versions.Offset + (i * 2), AnyVersion);
            MakeWeak(elf, Section(elf, ".gnu.version_r").Offset, names.Offset);
            // Replaced by rename: the build may have linked the file to the package cache.
            File.WriteAllBytes(path + ".part", elf);
            File.Move(path + ".part", path, overwrite: true);
            return;
        }
    }

    private static void MakeWeak(byte[] elf, int need, int names)
    {
        for (var file = need; ; file += (int)Read32(elf, file + 12))
        {
            var entry = file + (int)Read32(elf, file + 8);
            for (var left = Read16(elf, file + 2); left > 0; left--, entry += (int)Read32(elf, entry + 12))
                if (Matches(elf, names + (int)Read32(elf, entry + 8), Version)) Write16(elf, entry + 4, Weak);
            if (Read32(elf, file + 12) == 0) return;
        }
    }

    private static (int Offset, int Length) Section(byte[] elf, string wanted)
    {
        var table = (int)BinaryPrimitives.ReadUInt64LittleEndian(elf.AsSpan(0x28));
        var count = Read16(elf, 0x3C);
        var names = Data(table + (Read16(elf, 0x3E) * 64)).Offset;
        for (var i = 0; i < count; i++)
            if (Matches(elf, names + (int)Read32(elf, table + (i * 64)), wanted)) return Data(table + (i * 64));
        throw new InvalidDataException($"libLibTorchSharp.so has no section {wanted}.");

        (int Offset, int Length) Data(int header) =>
            ((int)BinaryPrimitives.ReadUInt64LittleEndian(elf.AsSpan(header + 24)),
             (int)BinaryPrimitives.ReadUInt64LittleEndian(elf.AsSpan(header + 32)));
    }

    private static bool Matches(byte[] elf, int at, string text) =>
        elf.AsSpan(at).StartsWith(Encoding.ASCII.GetBytes(text + "\0"));

    private static ushort Read16(byte[] elf, int at) => BinaryPrimitives.ReadUInt16LittleEndian(elf.AsSpan(at));

    private static uint Read32(byte[] elf, int at) => BinaryPrimitives.ReadUInt32LittleEndian(elf.AsSpan(at));

    private static void Write16(byte[] elf, int at, ushort value) => BinaryPrimitives.WriteUInt16LittleEndian(elf.AsSpan(at), value);
}
