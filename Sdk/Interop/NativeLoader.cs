using System.Globalization;
using System.Reflection;
using System.Runtime.InteropServices;
using System.Text;

namespace Nixl.Sdk.Interop;

/// <summary>
/// Finds libnixlsdk.so and checks its version, once per process, so that a missing or wrong library is one clear error
/// instead of an EntryPointNotFoundException somewhere later.
/// </summary>
/// <remarks>
/// Order: the file named by NIXL_SDK_NATIVE (explicit, so it wins and must exist); beside the program; beside the program under
/// runtimes/linux-x64/native; the runtime's own probing (NuGet assets).
/// </remarks>
internal static class NativeLoader
{
    public const string Library = "libnixlsdk";
    public const string EnvironmentVariable = "NIXL_SDK_NATIVE";
    private const string FileName = "libnixlsdk.so";

    private static readonly Lock Gate = new();
    private static nint _handle;

    /// <summary>Path of the loaded library, or null.</summary>
    public static string? Path { get; private set; }

    /// <summary>Loads and checks the library. Idempotent; any thread.</summary>
    /// <exception cref="PlatformNotSupportedException">Not linux-x64.</exception>
    /// <exception cref="NativeLibraryException">Missing, not loadable or of another version.</exception>
    public static void EnsureLoaded()
    {
        if (Volatile.Read(ref _handle) != 0)
            return;
        ThrowIfUnsupported(IsSupportedPlatform, RuntimeInformation.RuntimeIdentifier);

        lock (Gate)
        {
            if (_handle != 0)
                return;
            var handle = Load();
            CheckVersion(handle);
            NativeLibrary.SetDllImportResolver(typeof(NativeLoader).Assembly, Resolve);
            Volatile.Write(ref _handle, handle);
        }
    }

    /// <summary>linux-x64, the only platform that the native core is built for.</summary>
    public static bool IsSupportedPlatform { get; } =
        OperatingSystem.IsLinux() && RuntimeInformation.ProcessArchitecture == Architecture.X64;

    /// <summary>The files that are tried, in order. Internal for tests.</summary>
    internal static IReadOnlyList<string> Candidates(string? explicitPath, string baseDirectory) =>
        explicitPath is { Length: > 0 }
            ? [explicitPath]
            :
            [
                System.IO.Path.Combine(baseDirectory, FileName),
                System.IO.Path.Combine(baseDirectory, "runtimes", "linux-x64", "native", FileName),
            ];

    /// <summary>Internal for tests, which run where it is supported.</summary>
    internal static void ThrowIfUnsupported(bool supported, string platform)
    {
        if (!supported)
        {
            throw new PlatformNotSupportedException(
                $"Nixl.Sdk's native core exists for linux-x64 only; this process is {platform}. " +
                "For unit tests set NixlAgentOptions.Transport to a FakeTransport, which needs no native code.");
        }
    }

    private static nint Load()
    {
        var tried = new StringBuilder();
        var explicitPath = Environment.GetEnvironmentVariable(EnvironmentVariable);
        foreach (var candidate in Candidates(explicitPath, AppContext.BaseDirectory))
        {
            if (!File.Exists(candidate))
            {
                tried.Append("\n  ").Append(candidate).Append(": no such file");
                continue;
            }

            try
            {
                var handle = NativeLibrary.Load(candidate);
                Path = candidate;
                return handle;
            }
            catch (DllNotFoundException exception)
            {
                tried.Append("\n  ").Append(candidate).Append(": ").Append(exception.Message);
            }
        }

        if (string.IsNullOrEmpty(explicitPath)
            && NativeLibrary.TryLoad(Library, typeof(NativeLoader).Assembly, DllImportSearchPath.SafeDirectories, out var found))
        {
            Path = FileName;
            return found;
        }

        throw new NativeLibraryException(
            NixlStatus.Abi,
            $"{FileName} was not found or cannot be loaded. Build it (cmake --preset release in Sdk.Native), or name the file in the " +
            $"environment variable {EnvironmentVariable}. Tried:{tried}");
    }

    private static unsafe void CheckVersion(nint handle)
    {
        if (!NativeLibrary.TryGetExport(handle, "nixl_abi_version", out var export))
        {
            throw new NativeLibraryException(
                NixlStatus.Abi, $"{Path} is not this SDK's native core: it does not export nixl_abi_version.");
        }

        var version = ((delegate* unmanaged<uint>)export)();
        if (version != NativeConstants.AbiVersion)
        {
            throw new NativeLibraryException(
                NixlStatus.Abi,
                string.Create(
                    CultureInfo.InvariantCulture,
                    $"{Path} speaks version {version} of the C ABI, this Nixl.Sdk needs {NativeConstants.AbiVersion}. Install the library that belongs to this package."));
        }
    }

    private static nint Resolve(string name, Assembly assembly, DllImportSearchPath? path) => name == Library ? _handle : 0;
}
