namespace Nixl.Sdk.Generators.ModelFiles;

/// <summary>Compares the paths of additional files with the project-relative path in an attribute. No file is touched.</summary>
internal static class ModelPath
{
    /// <summary>True if the path can be a model file's.</summary>
    public static bool IsCandidate(string path) => path.EndsWith(".json", StringComparison.OrdinalIgnoreCase);

    /// <summary>True if the file is the one that the attribute names.</summary>
    /// <param name="path">The file's path.</param>
    /// <param name="model">The path in the attribute.</param>
    /// <param name="projectDirectory">The project's directory, or empty where the build does not say: then the ends of the paths are compared.</param>
    public static bool Matches(string path, string model, string projectDirectory)
    {
        if (projectDirectory.Length > 0)
            return string.Equals(Normalize(path, projectDirectory), Normalize(model, projectDirectory), StringComparison.Ordinal);
        var file = Normalize(path, "");
        var wanted = Normalize(model, "");
        return string.Equals(file, wanted, StringComparison.Ordinal) || file.EndsWith("/" + wanted, StringComparison.Ordinal);
    }

    /// <summary>The path as a message shows it: relative to the project where it lies inside.</summary>
    public static string Show(string path, string projectDirectory)
    {
        var file = Normalize(path, projectDirectory);
        var project = Normalize(projectDirectory, "") + "/";
        return project.Length > 1 && file.StartsWith(project, StringComparison.Ordinal) ? file.Substring(project.Length) : file;
    }

    // One separator, no empty, '.' or '..' parts, and with the directory in front unless the path has a root.
    private static string Normalize(string path, string directory)
    {
        var rooted = path.Length > 0 && (path[0] is '/' or '\\' || (path.Length > 1 && path[1] == ':'));
        var whole = rooted || directory.Length == 0 ? path : directory + "/" + path;
        var parts = new List<string>();
        foreach (var part in whole.Split('/', '\\'))
        {
            if (part == ".." && parts.Count > 0 && parts[parts.Count - 1] != "..")
                parts.RemoveAt(parts.Count - 1);
            else if (part.Length > 0 && part != ".")
                parts.Add(part);
        }
        return (whole.Length > 0 && whole[0] is '/' or '\\' ? "/" : "") + string.Join("/", parts);
    }
}
